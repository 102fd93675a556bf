//! Counts the memory that each thread holds, so that a target can check how much memory a parser needs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// The number of bytes that this thread has allocated and not freed.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The maximum of `HELD` since the last call to [`peak_of`] began.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(by: isize) {
    HELD.with(|held| {
        held.set(held.get().wrapping_add(by));
        PEAK.with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// The standard library has no other way to count allocations. Each function only counts and then calls the system's
// allocator with the same arguments.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Returns the number of bytes that this thread holds. The number can be negative if the thread has freed memory that
/// other threads allocated.
pub fn held() -> isize {
    HELD.get()
}

/// Runs `work` and returns its result and the maximum number of additional bytes that this thread held while `work`
/// ran.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get().saturating_sub(before).max(0).cast_unsigned())
}
