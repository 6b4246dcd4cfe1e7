#include "memory/heap.hpp"

#include <cohort/errors.hpp>

#include "memory/extents.hpp"
#include "os/error.hpp"
#include "os/fault.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <array>
#include <optional>

namespace cohort::memory {

namespace {

constexpr std::size_t mebibyte = Arena::extent_size;
/// Giving a MiB back to the kernel costs 200 us and having it back 500 us, so this much stays.
constexpr std::size_t warm_memory = 64 * mebibyte;
/// How much must become free before somebody looks whether there is more than that.
constexpr std::size_t trim_step = 32 * mebibyte;

/// What of the heap is not in the words of extents and blocks. Both are hints: a death while one is
/// changed does no harm.
struct Hints {
  std::atomic<std::uint32_t> reach;              ///< extents from here on were never used
  alignas(64) std::atomic<std::uint64_t> freed;  ///< bytes of extents, since the last trim
};

/// The extent from which this thread had its last block of each class.
thread_local std::array<std::uint32_t, class_count> recent{};

/// A view of the arena; nothing is kept between calls but `recent`.
class Heap {
 public:
  explicit Heap(Arena& arena)
      : arena_(arena),
        extents_(reinterpret_cast<Word64<Extent>*>(arena.base() + Arena::extents_offset)),
        hints_(*reinterpret_cast<Hints*>(arena.base() + Arena::heap_offset)),
        first_(static_cast<std::uint32_t>((Arena::words_offset + arena.size() / 8) / mebibyte)),
        end_(static_cast<std::uint32_t>(arena.size() / mebibyte)) {}

  Block allocate_block(unsigned size_class, std::uint32_t me);
  Block allocate_run(std::size_t size, std::uint32_t me);

  struct Place {
    std::uint32_t extent;
    std::uint32_t number;
    Extent seen;
  };
  /// The extent and block that begin at an offset; none for an offset at which none can begin.
  std::optional<Place> locate(Offset offset) const;
  std::uint32_t owner(Place const& place) const;
  bool free(Place const& place, std::uint32_t me);
  bool reassign(Place const& place, std::uint32_t from, std::uint32_t to);

  std::size_t sweep(std::uint32_t dead, std::uint32_t me);
  void trim(std::size_t keep, std::uint32_t me);
  HeapUsage usage() const;

 private:
  Word64<BlockState>& word(std::uint32_t extent, std::uint32_t number) const {
    auto* const words = reinterpret_cast<Word64<BlockState>*>(arena_.base() + Arena::words_offset);
    return words[std::size_t{extent} * (mebibyte / smallest_block) + number];
  }
  std::uint32_t reach() const { return std::max(first_, hints_.reach.load(std::memory_order_acquire)); }
  static Block block(std::uint32_t extent, std::uint32_t number, unsigned size_class) {
    auto const size = block_size(size_class);
    return {extent * mebibyte + number * size, size};
  }

  std::optional<std::uint32_t> pop(std::uint32_t extent, unsigned size_class, std::uint32_t me);
  void finish_pop(std::uint32_t extent, Extent popping);
  void push(std::uint32_t extent, std::uint32_t number, std::uint32_t me);

  std::uint32_t claim(std::uint32_t length, std::uint32_t me);
  std::uint32_t find(std::uint32_t length, std::uint32_t allowance, std::uint32_t me);
  bool build(std::uint32_t first, std::uint32_t length, std::uint32_t me);
  void dissolve(std::uint32_t first);
  void prepare(std::uint32_t extent, unsigned size_class);
  std::uint32_t claimed() const;
  void count_freed(std::size_t bytes, std::uint32_t me);
  std::size_t sweep_blocks(std::uint32_t extent, std::uint32_t dead, std::uint32_t me);

  Arena& arena_;
  Word64<Extent>* extents_;
  Hints& hints_;
  std::uint32_t first_, end_;
};

// --- Blocks. ---------------------------------------------------------------------------------------------
// The free blocks of an extent are a stack, whose top is in the extent's word. A pop is announced there, so
// that whoever comes by can complete it:
//   1. extent: popper = me     2. block: live, mine     3. extent: top = the block below, no popper
// A push needs no help: until 2. it has happened nowhere but in the block, after 2. everywhere.
//   1. block: pushed, mine, below = the top     2. extent: top = the block
// The block stays `pushed` until the next push makes it `free`, so only the topmost can be on the stack and
// `pushed`; by that the sweep knows on which side of 2. a process died.

std::optional<std::uint32_t> Heap::pop(std::uint32_t extent, unsigned size_class, std::uint32_t me) {
  for (;;) {
    auto const seen = extents_[extent].load();
    if (seen.kind() != Kind::blocks || seen.size_class() != size_class) return std::nullopt;
    if (seen.popper() != 0) {
      finish_pop(extent, seen);
      continue;
    }
    if (seen.available() == 0) return std::nullopt;
    auto const popping = seen.to_blocks(size_class, me, seen.top(), seen.available());
    if (!extents_[extent].replace(seen, popping)) continue;
    COHORT_FAULT_POINT("heap.pop.announced");
    finish_pop(extent, popping);
    COHORT_FAULT_POINT("heap.pop.finished");
    return seen.top();
  }
}

void Heap::finish_pop(std::uint32_t extent, Extent popping) {
  auto const number = popping.top();
  auto& block = word(extent, number);
  for (;;) {
    auto const state = block.load();
    // If the pop is still announced after the block was read, it was read during the pop; then it cannot
    // change but by this step, and the exact comparison below makes sure of it.
    if (extents_[extent].load() != popping) return;
    auto const below = state.below(number);
    if (state.state() != BlockState::live) {
      block.replace(state, state.next(BlockState::live, popping.popper(), below));
      COHORT_FAULT_POINT("heap.pop.owned");
      continue;
    }
    extents_[extent].replace(popping,
                             popping.to_blocks(popping.size_class(), 0, below, popping.available() - 1));
    return;
  }
}

/// The block is `pushed` and mine, and not on the stack.
void Heap::push(std::uint32_t extent, std::uint32_t number, std::uint32_t me) {
  auto& block = word(extent, number);
  for (;;) {
    auto const seen = extents_[extent].load();
    if (seen.popper() != 0) {
      finish_pop(extent, seen);
      continue;
    }
    if (seen.available() > 0) {
      auto& top = word(extent, seen.top());
      auto const state = top.load();
      if (state.state() == BlockState::pushed) {
        if (extents_[extent].load() == seen)
          top.replace(state, state.next(BlockState::free, 0, state.below(seen.top())));
        continue;
      }
    }
    block.store(block.load().next(BlockState::pushed, me, seen.top()));
    COHORT_FAULT_POINT("heap.push.linked");
    auto const after = seen.to_blocks(seen.size_class(), 0, number, seen.available() + 1);
    if (!extents_[extent].replace(seen, after)) continue;
    COHORT_FAULT_POINT("heap.push.done");
    if (after.is_unused() && recent[seen.size_class()] != extent) count_freed(mebibyte, me);
    return;
  }
}

Block Heap::allocate_block(unsigned size_class, std::uint32_t me) {
  auto& extent = recent[size_class];
  if (extent != 0)
    if (auto const number = pop(extent, size_class, me)) return block(extent, *number, size_class);
  for (auto other = first_, reach = this->reach(); other < reach; ++other) {
    auto const seen = extents_[other].relaxed();
    if (seen.kind() != Kind::blocks || seen.size_class() != size_class || seen.available() == 0) continue;
    if (auto const number = pop(other, size_class, me)) {
      extent = other;
      return block(extent, *number, size_class);
    }
  }
  for (;;) {
    extent = claim(1, me);
    prepare(extent, size_class);
    // Others may have emptied it already.
    if (auto const number = pop(extent, size_class, me)) return block(extent, *number, size_class);
  }
}

/// Makes a claimed extent one of free blocks, each on top of the next.
void Heap::prepare(std::uint32_t extent, unsigned size_class) {
  auto const count = blocks_in_extent(size_class);
  // Blocks are used from the first on, so a 0 ends those that ever were. They are not set back to 0, but to
  // a version they never had.
  for (std::uint32_t number = 0; number < count; ++number) {
    auto const state = word(extent, number).relaxed();
    if (state.word() == 0) break;
    word(extent, number).store(state.next(BlockState::free, 0, number + 1));
  }
  COHORT_FAULT_POINT("heap.prepare.chained");
  extents_[extent].store(extents_[extent].load().to_blocks(size_class, 0, 0, count));
}

// --- Runs of extents. ------------------------------------------------------------------------------------
// A run is built from its first extent on and dissolved from its last, while the first says `change` and who
// is at it. So the `part`s always follow their run's first extent without a gap, and need no owner.

bool Heap::build(std::uint32_t first, std::uint32_t length, std::uint32_t me) {
  auto reach = hints_.reach.load();
  while (reach < first + length && !hints_.reach.compare_exchange_weak(reach, first + length)) {}
  auto const head = extents_[first].load();
  if (!head.is_free() || !extents_[first].replace(head, head.to_change(me, length))) return false;
  for (auto next = first + 1; next < first + length; ++next) {
    COHORT_FAULT_POINT("heap.run.building");
    auto const seen = extents_[next].load();
    if (seen.is_free() && extents_[next].replace(seen, seen.to_part())) continue;
    dissolve(first);
    return false;
  }
  COHORT_FAULT_POINT("heap.run.built");
  return true;
}

/// Frees the extents of a change of mine.
void Heap::dissolve(std::uint32_t first) {
  auto const head = extents_[first].load();
  auto last = first;
  while (last + 1 < first + head.length() && extents_[last + 1].load().kind() == Kind::part) ++last;
  for (; last > first; --last) {
    extents_[last].store(extents_[last].load().to_dirty());
    COHORT_FAULT_POINT("heap.run.dissolving");
  }
  extents_[first].store(head.to_dirty());
}

std::uint32_t Heap::claimed() const {
  std::uint32_t count = 0;
  for (auto extent = first_, reach = this->reach(); extent < reach; ++extent)
    if (extents_[extent].relaxed().kind() != Kind::clean) ++count;
  return count;
}

/// First fit, with at most `allowance` extents that have no memory yet; 0 if there is none.
std::uint32_t Heap::find(std::uint32_t length, std::uint32_t allowance, std::uint32_t me) {
  auto const limit = std::min(end_, reach() + length);
  auto begin = first_;
  std::int64_t clean = 0;
  for (auto extent = first_; extent < limit;) {
    auto const seen = extents_[extent].relaxed();
    ++extent;
    if (!seen.is_free()) {
      if (seen.kind() == Kind::run) extent += seen.length() - 1;
      begin = extent;
      clean = 0;
      continue;
    }
    if (seen.kind() == Kind::clean) ++clean;
    if (extent - begin < length) continue;
    if (clean <= allowance) {
      if (build(begin, length, me)) return begin;
      begin = extent;
      clean = 0;
    } else if (extents_[begin++].relaxed().kind() == Kind::clean) {
      --clean;
    }
  }
  return 0;
}

/// Extents that are mine to use, in a change; throws `OutOfMemory`. There is no counter of the bytes in
/// use, which a death could leave wrong: they are counted, each time, before and after.
std::uint32_t Heap::claim(std::uint32_t length, std::uint32_t me) {
  for (int attempt = 0;; ++attempt) {
    auto const budget = static_cast<std::uint32_t>(std::min<std::size_t>(arena_.budget() / mebibyte, end_));
    auto const used = claimed();
    if (auto const first = find(length, budget - std::min(budget, used), me); first != 0) {
      if (claimed() <= budget || used > budget) return first;
      dissolve(first);  // others claimed at the same time
    }
    if (attempt == 0) {
      trim(0, me);
    } else if (attempt > 1 || reclaim_orphans() == 0) {
      throw OutOfMemory(length * mebibyte, usage().live, arena_.budget());
    } else {
      trim(0, me);
    }
  }
}

Block Heap::allocate_run(std::size_t size, std::uint32_t me) {
  if (size > arena_.size()) throw OutOfMemory(size, usage().live, arena_.budget());
  auto const length = static_cast<std::uint32_t>((size + mebibyte - 1) / mebibyte);
  auto const first = claim(length, me);
  extents_[first].store(extents_[first].load().to_run(me, length));
  COHORT_FAULT_POINT("heap.run.published");
  return {first * mebibyte, length * mebibyte};
}

void Heap::count_freed(std::size_t bytes, std::uint32_t me) {
  if (hints_.freed.fetch_add(bytes, std::memory_order_relaxed) + bytes < trim_step) return;
  hints_.freed.store(0, std::memory_order_relaxed);
  trim(warm_memory, me);
}

void Heap::trim(std::size_t keep, std::uint32_t me) {
  std::size_t kept = 0;
  for (auto extent = first_, reach = this->reach(); extent < reach; ++extent) {
    auto const seen = extents_[extent].load();
    if (seen.kind() != Kind::dirty && !seen.is_unused()) continue;
    if (kept + mebibyte <= keep) {
      kept += mebibyte;
      continue;
    }
    auto const mine = seen.to_change(me, 1);
    if (!extents_[extent].replace(seen, mine)) continue;
    COHORT_FAULT_POINT("heap.trim.claimed");
    if (::madvise(arena_.base() + extent * mebibyte, mebibyte, MADV_REMOVE) != 0)
      os::fail(errno, "cannot give shared memory back");
    COHORT_FAULT_POINT("heap.trim.removed");
    extents_[extent].store(mine.to_clean());
  }
}

// --- Whole blocks and runs, by offset. ---------------------------------------------------------------------

std::optional<Heap::Place> Heap::locate(Offset offset) const {
  auto const extent = offset / mebibyte;
  if (extent < first_ || extent >= end_) return std::nullopt;
  Place place{static_cast<std::uint32_t>(extent), 0, extents_[extent].load()};
  auto const within = offset % mebibyte;
  if (place.seen.kind() == Kind::run && within == 0) return place;
  if (place.seen.kind() != Kind::blocks) return std::nullopt;
  auto const size_class = place.seen.size_class();
  place.number = static_cast<std::uint32_t>(within / block_size(size_class));
  if (within % block_size(size_class) != 0 || place.number >= blocks_in_extent(size_class))
    return std::nullopt;
  return place;
}

std::uint32_t Heap::owner(Place const& place) const {
  if (place.seen.kind() == Kind::run) return place.seen.slot();
  auto const state = word(place.extent, place.number).load();
  return state.state() == BlockState::live ? state.owner() : 0;
}

bool Heap::free(Place const& place, std::uint32_t me) {
  if (place.seen.kind() == Kind::run) {
    auto const length = place.seen.length();
    if (!extents_[place.extent].replace(place.seen, place.seen.to_change(me, length))) return false;
    dissolve(place.extent);
    count_freed(length * mebibyte, me);
    return true;
  }
  auto& block = word(place.extent, place.number);
  auto const state = block.load();
  if (state.state() != BlockState::live) return false;
  if (!block.replace(state, state.next(BlockState::pushed, me, 0))) return false;
  COHORT_FAULT_POINT("heap.free.marked");
  push(place.extent, place.number, me);
  return true;
}

bool Heap::reassign(Place const& place, std::uint32_t from, std::uint32_t to) {
  if (owner(place) != from) return false;
  if (place.seen.kind() == Kind::run)
    return extents_[place.extent].replace(place.seen, place.seen.to_run(to, place.seen.length()));
  auto& block = word(place.extent, place.number);
  auto const state = block.load();
  return state.state() == BlockState::live && state.owner() == from &&
         block.replace(state, state.next(BlockState::live, to, state.below(place.number)));
}

// --- The dead. -------------------------------------------------------------------------------------------

std::size_t Heap::sweep(std::uint32_t dead, std::uint32_t me) {
  std::size_t bytes = 0;
  for (auto extent = first_, reach = this->reach(); extent < reach; ++extent) {
    auto const seen = extents_[extent].load();
    if (seen.kind() == Kind::blocks) bytes += sweep_blocks(extent, dead, me);
    if ((seen.kind() != Kind::run && seen.kind() != Kind::change) || seen.slot() != dead) continue;
    // Whatever the dead process was doing with it: from now on this process dissolves it.
    if (!extents_[extent].replace(seen, seen.to_change(me, seen.length()))) continue;
    COHORT_FAULT_POINT("heap.sweep.taken");
    dissolve(extent);
    count_freed(seen.length() * mebibyte, me);
    bytes += seen.length() * mebibyte;
  }
  return bytes;
}

std::size_t Heap::sweep_blocks(std::uint32_t extent, std::uint32_t dead, std::uint32_t me) {
  auto seen = extents_[extent].load();
  auto const size_class = seen.size_class();
  for (; seen.popper() == dead && seen.kind() == Kind::blocks; seen = extents_[extent].load())
    finish_pop(extent, seen);
  std::size_t bytes = 0;
  for (std::uint32_t number = 0; number < blocks_in_extent(size_class); ++number) {
    auto& block = word(extent, number);
    auto const state = block.load();
    if (state.word() == 0) break;
    if (state.owner() != dead || state.state() == BlockState::free) continue;
    if (state.state() == BlockState::pushed) {
      seen = extents_[extent].load();
      if (seen.kind() != Kind::blocks || seen.size_class() != size_class) break;
      if (seen.available() > 0 && seen.top() == number) {
        block.replace(state, state.next(BlockState::free, 0, state.below(number)));
        continue;
      }
    }
    if (!block.replace(state, state.next(BlockState::pushed, me, 0))) continue;
    COHORT_FAULT_POINT("heap.sweep.marked");
    push(extent, number, me);
    bytes += block_size(size_class);
  }
  return bytes;
}

HeapUsage Heap::usage() const {
  std::size_t live = 0;
  for (auto extent = first_, reach = this->reach(); extent < reach; ++extent) {
    auto const seen = extents_[extent].load();
    if (seen.kind() == Kind::run) live += seen.length() * mebibyte;
    if (seen.kind() == Kind::blocks)
      live += (blocks_in_extent(seen.size_class()) - seen.available()) * block_size(seen.size_class());
  }
  return {live, claimed() * mebibyte};
}

Heap heap() { return Heap(arena()); }

[[noreturn]] void refuse(Offset offset) {
  throw AssertionError(fmt::format(
      "cohort: no block of shared memory in use begins at {:#x}: freed twice, or never allocated", offset));
}

}  // namespace

Block allocate(std::size_t size) {
  auto const me = my_slot().number;
  auto const size_class = class_of(std::max<std::size_t>(size, 1));
  return size_class < class_count ? heap().allocate_block(size_class, me) : heap().allocate_run(size, me);
}

void free(Offset offset) {
  auto const me = my_slot().number;
  auto heap = memory::heap();
  // Again when the block was handed over at the same moment.
  for (;;) {
    auto const place = heap.locate(offset);
    if (!place || heap.owner(*place) == 0) refuse(offset);
    if (heap.free(*place, me)) return;
  }
}

bool reassign(Offset offset, Slot from, Slot to) {
  auto heap = memory::heap();
  auto const place = heap.locate(offset);
  return place && heap.reassign(*place, from.number, to.number);
}

std::uint32_t owner_of(Offset offset) {
  auto const place = heap().locate(offset);
  return place ? heap().owner(*place) : 0;
}

std::size_t capacity_of(Offset offset) {
  auto const place = heap().locate(offset);
  if (!place || heap().owner(*place) == 0) refuse(offset);
  auto const& seen = place->seen;
  return seen.kind() == Kind::run ? seen.length() * mebibyte : block_size(seen.size_class());
}

std::size_t sweep(std::uint32_t slot) {
  auto const me = my_slot().number;
  if (slot == 0 || slot == me) throw AssertionError("cohort: only the slot of a dead process can be swept");
  return heap().sweep(slot, me);
}

void trim(std::size_t keep) { heap().trim(keep, my_slot().number); }

HeapUsage heap_usage() { return heap().usage(); }

}  // namespace cohort::memory
