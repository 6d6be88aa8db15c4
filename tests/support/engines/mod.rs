//! Shared by the tests in real engines: an [`engine`](engine::Engine) behind the lab's wrapper, a [`row`](row::Row) of
//! a table, the [`scene`](scene::Scene) with the row's containers and files, and the [`table`] of results.

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
