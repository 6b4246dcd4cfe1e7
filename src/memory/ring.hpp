#pragma once
#include "memory/arena.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

/// A queue of records in shared memory, with one producer and one consumer, each a thread or whoever holds
/// the lock of that side. A record appears whole, by one store of `tail`, and disappears by one of `head`; so
/// whichever side dies, the other reads what was done and what was not.
///
///     RingProducer out(block.offset, block.capacity);         RingConsumer in(block.offset, block.capacity);
///     if (auto* to = out.reserve(5)) {                        while (auto record = in.peek()) {
///       std::memcpy(to, "hello", 5);                            if (in.start(*record)) run(record->payload);
///       auto position = out.publish(id);                        in.pop();
///     }                                                       }
///
/// Every record has a claim word: the consumer starts it or the producer revokes it, whoever is first. A
/// consumer need not use it.
///
/// What the other side wrote is checked before it is used: `RuntimeError` when the ring is damaged.
namespace cohort::memory {

/// Counts units of 16 bytes since the ring was made, modulo 2^32.
using RingPosition = std::uint32_t;

enum class RecordState : std::uint32_t { pending, started, revoked };

struct RingRecord {
  RingPosition position;
  RecordState state;  ///< when it was looked at
  std::uint64_t id;
  std::span<std::byte> payload;  ///< in the ring, aligned to 16; valid until the record is popped
};

/// A ring as seen by either side, or by a third that examines it.
class Ring {
 public:
  /// Makes an empty ring in `size` bytes at an offset aligned to 64, usually a block. What it can hold is the
  /// power of two below `size`.
  static void create(Offset offset, std::size_t size);

  /// Attaches to a ring that was made there. Throws `RuntimeError` when there is none that fits in `size`.
  Ring(Offset offset, std::size_t size);

  /// The longest payload: half of what the ring holds, so that a record fits wherever the last one ended.
  std::size_t largest_payload() const;

  /// The records that were published and not popped, oldest first. Exact as long as the other side is dead or
  /// does nothing: so the parent sees what a dead consumer had started, and what it never saw.
  std::vector<RingRecord> records() const;

  /// These change with each publish and each pop; futex words for those that wait for one.
  std::atomic<std::uint32_t>& tail_word() const { return layout_->tail; }
  std::atomic<std::uint32_t>& head_word() const { return layout_->head; }

 protected:
  struct Record {
    std::uint32_t length;
    std::atomic<RecordState> state;
    std::uint64_t id;
    std::byte* payload() { return reinterpret_cast<std::byte*>(this + 1); }
  };
  struct Layout {
    std::uint64_t magic;
    std::uint32_t capacity;
    alignas(64) std::atomic<RingPosition> tail;
    alignas(64) std::atomic<RingPosition> head;
  };
  static_assert(sizeof(Record) == 16 && sizeof(Layout) == 192);

  static constexpr std::uint32_t wrap_marker = 0xffffffff;  ///< a length: the next record is at the beginning

  static std::uint32_t units(std::size_t payload) {
    return static_cast<std::uint32_t>(1 + (payload + sizeof(Record) - 1) / sizeof(Record));
  }
  Record& record(RingPosition position) const { return records_[position & (capacity_ - 1)]; }
  std::uint32_t units_to_end(RingPosition position) const { return capacity_ - (position & (capacity_ - 1)); }
  RingRecord view(RingPosition position, Record& record) const {
    return {
        position, record.state.load(std::memory_order_acquire), record.id, {record.payload(), record.length}};
  }
  /// How far `to` is ahead of `from`, which cannot be more than the ring holds.
  std::uint32_t distance(RingPosition from, RingPosition to) const;
  /// The position of the record at or after `position`, and its units.
  std::pair<RingPosition, std::uint32_t> locate(RingPosition position, RingPosition tail) const;

  Layout* layout_;
  Record* records_;
  std::uint32_t capacity_;  ///< in units; this side's own copy
};

class RingProducer : public Ring {
 public:
  RingProducer(Offset offset, std::size_t size);

  /// Room for a payload, to be written before `publish`; nullptr when the ring is too full now. Reserving
  /// again instead gives the same room anew. Throws `ValueError` for more than `largest_payload()`.
  std::byte* reserve(std::size_t size);
  /// Makes the reserved record visible, or its first `size` bytes; returns where it is.
  RingPosition publish(std::uint64_t id);
  RingPosition publish(std::uint64_t id, std::size_t size);

  /// Takes a record back: true if the consumer has not started it and now never will.
  bool revoke(RingPosition position);
  /// None when the record was popped.
  std::optional<RecordState> state(RingPosition position) const;

 private:
  bool holds(RingPosition position) const;

  RingPosition tail_;
  RingPosition known_head_;  // an old one is only too careful
  std::size_t reserved_ = 0;
};

class RingConsumer : public Ring {
 public:
  RingConsumer(Offset offset, std::size_t size);

  /// The oldest record that is not revoked; it stays until `pop`.
  std::optional<RingRecord> peek();
  /// Claims the record: false when the producer has revoked it, then `peek` gives the next.
  bool start(RingRecord const& record);
  /// Removes the record last seen by `peek`.
  void pop();

 private:
  RingPosition head_;
  RingPosition known_tail_;
  std::uint32_t front_ = 0;  // units of the record last seen
};

}  // namespace cohort::memory
