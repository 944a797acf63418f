//! Where things are kept: SQL written once, one small driver per engine.
