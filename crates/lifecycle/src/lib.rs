//! The words, the rules and the renewal protocol of Staygreen: pure, without I/O, clock or dice.
