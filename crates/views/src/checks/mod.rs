//! What holds for every page, every mail and every word.

mod html;
mod mails;
mod pages;
mod words;
