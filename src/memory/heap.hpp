#pragma once
#include "memory/arena.hpp"
#include "memory/slots.hpp"

#include <cstddef>
#include <cstdint>

/// The allocator of the arena, for every process of the tree at once. Lock-free, and safe against kill -9 at
/// any instruction: each block has exactly one owner slot or is free, whoever died where, and `sweep`
/// gives back all that a dead process owned.
///
/// Threads: safe. Fork: the child's own allocations belong to its own slot.
namespace cohort::memory {

struct Block {
  Offset offset = 0;
  std::size_t capacity = 0;
  explicit operator bool() const { return offset != 0; }
};

/// At least `size` bytes, aligned to their capacity up to a page, with what was last in them as contents;
/// owned by this process's slot. Throws `OutOfMemory` when the arena's budget is used up.
Block allocate(std::size_t size);

/// Gives a block back, whoever owns it. Throws `AssertionError`, and changes nothing, when no block that is
/// in use begins there.
void free(Offset offset);

/// Hands a block over: whoever owns it afterwards has it given back when it dies. By one store, so it never
/// belongs to neither. False if `from` does not own it.
bool reassign(Offset offset, Slot from, Slot to);

/// The number of the slot that owns the block; 0 when no block that is in use begins there.
std::uint32_t owner_of(Offset offset);

/// How many bytes from `offset` on are the block's. Throws `AssertionError` like `free`.
std::size_t capacity_of(Offset offset);

/// Gives back everything a dead process's slot owns, and completes what it was doing; returns the bytes. Must
/// not run while a process uses the slot. If the sweeper dies another sweep ends the work.
std::size_t sweep(std::uint32_t slot);

/// Gives memory of free blocks back to the kernel, all but about `keep` bytes.
void trim(std::size_t keep = 0);

struct HeapUsage {
  std::size_t live;     ///< bytes in blocks that are in use
  std::size_t claimed;  ///< bytes counted against the budget: extents in use, and free ones still warm
};
HeapUsage heap_usage();

}  // namespace cohort::memory
