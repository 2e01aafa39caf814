//! Both parts of every mail, in both languages, as people would read them.
