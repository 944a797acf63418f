//! The AWS front: which operation, who signed it, is the input well formed.
