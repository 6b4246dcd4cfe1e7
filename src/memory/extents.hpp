#pragma once
#include "memory/arena.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

/// The words of shared memory in which the whole state of the heap is: one for each extent of 1 MiB, one for
/// each block in it. docs/design/memory.md says how they change.
namespace cohort::memory {

inline constexpr std::size_t smallest_block = 64;
inline constexpr unsigned class_count = 14;  ///< 64 bytes ... 512 KiB; larger blocks are runs of extents

constexpr std::size_t block_size(unsigned size_class) { return smallest_block << size_class; }
/// 14 bits must hold it.
constexpr std::uint32_t blocks_in_extent(unsigned size_class) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(Arena::extent_size / block_size(size_class), 0x3fff));
}
/// The class whose blocks hold `size` bytes; class_count and more when none does.
constexpr unsigned class_of(std::size_t size) {
  return static_cast<unsigned>(std::bit_width((size - 1) | (smallest_block - 1))) - 6;
}

enum class Kind : std::uint64_t {
  clean,   ///< free, without memory
  dirty,   ///< free, its pages still there
  part,    ///< belongs to the run, or to the change, that begins at the nearest extent before it
  run,     ///< the first extent of a large block
  change,  ///< as a run, but somebody is at work here: building it, dissolving it or giving back its pages
  blocks,  ///< and the following: an extent of blocks, of class kind - blocks
};

/// What an extent is for. The tag counts the changes of the word, so that a process that slept through some
/// cannot mistake a later state for the one it saw.
class Extent {
 public:
  constexpr explicit Extent(std::uint64_t word = 0) : word_(word) {}
  std::uint64_t word() const { return word_; }

  Kind kind() const { return std::min(raw_kind(), Kind::blocks); }
  bool is_free() const { return kind() == Kind::clean || kind() == Kind::dirty; }

  // Of runs and changes.
  std::uint32_t slot() const { return word_ >> 5 & 0xfff; }
  std::uint32_t length() const { return word_ >> 17 & 0x1ffff; }

  // Of extents of blocks: a stack of the free ones. `popper` is the slot that is taking the topmost off.
  unsigned size_class() const {
    return static_cast<unsigned>(raw_kind()) - static_cast<unsigned>(Kind::blocks);
  }
  std::uint32_t popper() const { return slot(); }
  std::uint32_t top() const { return word_ >> 17 & 0x3fff; }
  std::uint32_t available() const { return word_ >> 31 & 0x3fff; }
  bool is_unused() const {
    return kind() == Kind::blocks && popper() == 0 && available() == blocks_in_extent(size_class());
  }

  Extent to_clean() const { return next(Kind::clean, 0); }
  Extent to_dirty() const { return next(Kind::dirty, 0); }
  Extent to_part() const { return next(Kind::part, 0); }
  Extent to_run(std::uint32_t slot, std::uint32_t length) const {
    return next(Kind::run, field(slot, length));
  }
  Extent to_change(std::uint32_t slot, std::uint32_t length) const {
    return next(Kind::change, field(slot, length));
  }
  Extent to_blocks(unsigned size_class, std::uint32_t popper, std::uint32_t top,
                   std::uint32_t available) const {
    return next(Kind(static_cast<std::uint64_t>(Kind::blocks) + size_class),
                std::uint64_t{popper} << 5 | std::uint64_t{top} << 17 | std::uint64_t{available} << 31);
  }

  friend bool operator==(Extent, Extent) = default;

 private:
  Kind raw_kind() const { return Kind(word_ & 31); }
  static std::uint64_t field(std::uint32_t slot, std::uint32_t length) {
    return std::uint64_t{slot} << 5 | std::uint64_t{length} << 17;
  }
  Extent next(Kind kind, std::uint64_t rest) const {
    return Extent(((word_ >> 45) + 1) << 45 | rest | static_cast<std::uint64_t>(kind));
  }

  std::uint64_t word_;
};

/// Whose a block is. A word of 0 is a block that was never used; then the one below it on the stack is
/// the next one in the extent, so that a new extent needs no preparation.
class BlockState {
 public:
  enum State : std::uint64_t {
    free,    ///< on the stack
    live,    ///< in use
    pushed,  ///< free, and somebody is about to put it on the stack or has done so
  };
  constexpr explicit BlockState(std::uint64_t word = 0) : word_(word) {}
  std::uint64_t word() const { return word_; }

  State state() const { return State(word_ & 3); }
  std::uint32_t owner() const { return word_ >> 2 & 0xfff; }
  std::uint32_t below(std::uint32_t number) const { return word_ == 0 ? number + 1 : word_ >> 14 & 0x3fff; }

  BlockState next(State state, std::uint32_t owner, std::uint32_t below) const {
    return BlockState(((word_ >> 28) + 1) << 28 | std::uint64_t{below & 0x3fff} << 14 |
                      std::uint64_t{owner} << 2 | state);
  }

 private:
  std::uint64_t word_;
};

/// An atomic word seen as one of the above.
template <class View> class Word64 {
 public:
  View load() const { return View(word_.load(std::memory_order_seq_cst)); }
  View relaxed() const { return View(word_.load(std::memory_order_relaxed)); }
  void store(View value) { word_.store(value.word(), std::memory_order_release); }
  bool replace(View expected, View desired) {
    auto word = expected.word();
    return word_.compare_exchange_strong(word, desired.word(), std::memory_order_seq_cst);
  }

 private:
  std::atomic<std::uint64_t> word_;
};

}  // namespace cohort::memory
