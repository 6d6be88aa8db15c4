//! What the tests in real engines share: an [`engine`](engine::Engine) by the lab's wrapper, a [`row`](row::Row) with its
//! story, the [`scene`](scene::Scene) that a story plays in, and the [`table`] of what came of them all.

#![allow(dead_code)]

pub mod call;
pub mod engine;
pub mod facts;
pub mod log;
pub mod manager;
pub mod refusal;
pub mod row;
pub mod run;
pub mod scene;
pub mod table;
