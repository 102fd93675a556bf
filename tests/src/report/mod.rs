//! Reports for people.

pub mod bench;
pub mod canvas;
pub mod closing;
pub mod crowd;
pub mod diff;
pub mod explaining;
pub mod failure;
pub mod frame_miss;
pub mod html;
pub mod ladder;
pub mod markup;
pub mod near_miss;
pub mod part;
pub mod plot;
pub mod programs;
pub mod rows;
pub mod scoreboard;
pub mod screens;
pub mod svg;
pub mod text;
