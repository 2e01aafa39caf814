//! RFC 6749, 7636, 7009 requests and answers.
