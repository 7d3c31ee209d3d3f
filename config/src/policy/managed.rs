//! The policies AWS owns, known by name and by id, with every setting of spec §2.
