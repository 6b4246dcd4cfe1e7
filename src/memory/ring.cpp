#include "memory/ring.hpp"

#include <cohort/errors.hpp>

#include "os/fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace cohort::memory {

namespace {

constexpr std::uint64_t magic = 0x676e6972686f63;  // "cohring"

[[noreturn]] void damaged(char const* what, std::uint64_t value) {
  throw RuntimeError(fmt::format("cohort: a ring in shared memory is damaged: {} {:#x}", what, value));
}

}  // namespace

void Ring::create(Offset offset, std::size_t size) {
  if (size < sizeof(Layout) + 4 * sizeof(Record)) throw ValueError("cohort: too little memory for a ring");
  auto& layout = arena().at<Layout>(offset);
  layout.capacity = static_cast<std::uint32_t>(std::bit_floor((size - sizeof(Layout)) / sizeof(Record)));
  layout.tail.store(0, std::memory_order_relaxed);
  layout.head.store(0, std::memory_order_relaxed);
  layout.magic = magic;
}

Ring::Ring(Offset offset, std::size_t size) : layout_(&arena().at<Layout>(offset)) {
  records_ = reinterpret_cast<Record*>(layout_ + 1);
  capacity_ = layout_->capacity;
  if (layout_->magic != magic) damaged("it has the wrong mark", layout_->magic);
  if (!std::has_single_bit(capacity_) || sizeof(Layout) + capacity_ * sizeof(Record) > size)
    damaged("it has a capacity of", capacity_);
}

std::size_t Ring::largest_payload() const { return (capacity_ / 2 - 1) * sizeof(Record); }

std::uint32_t Ring::distance(RingPosition from, RingPosition to) const {
  if (to - from > capacity_) damaged("the distance of its ends is", to - from);
  return to - from;
}

std::pair<RingPosition, std::uint32_t> Ring::locate(RingPosition position, RingPosition tail) const {
  auto left = distance(position, tail);
  if (record(position).length == wrap_marker) {
    auto const skipped = units_to_end(position);
    if (skipped >= left) damaged("nothing follows the last record at", position);
    position += skipped;
    left -= skipped;
  }
  std::size_t const length = record(position).length;
  auto const room = std::min(left, units_to_end(position));
  if (length > (room - 1) * sizeof(Record)) damaged("a record has the length", length);
  return {position, units(length)};
}

std::vector<RingRecord> Ring::records() const {
  std::vector<RingRecord> all;
  auto const tail = layout_->tail.load(std::memory_order_acquire);
  for (auto position = layout_->head.load(std::memory_order_acquire); position != tail;) {
    auto const [begin, units] = locate(position, tail);
    all.push_back(view(begin, record(begin)));
    position = begin + units;
  }
  return all;
}

RingProducer::RingProducer(Offset offset, std::size_t size)
    : Ring(offset, size), tail_(layout_->tail.load()), known_head_(layout_->head.load()) {
  distance(known_head_, tail_);
}

std::byte* RingProducer::reserve(std::size_t size) {
  if (size > largest_payload())
    throw ValueError(fmt::format("cohort: a record of {} bytes is longer than the {} a ring can carry", size,
                                 largest_payload()));
  auto const to_end = units_to_end(tail_);
  auto const skipped = units(size) > to_end ? to_end : 0;
  auto const needed = skipped + units(size);
  if (capacity_ - distance(known_head_, tail_) < needed) {
    known_head_ = layout_->head.load(std::memory_order_acquire);
    if (capacity_ - distance(known_head_, tail_) < needed) return nullptr;
  }
  reserved_ = size;
  return record(tail_ + skipped).payload();
}

RingPosition RingProducer::publish(std::uint64_t id) { return publish(id, reserved_); }

RingPosition RingProducer::publish(std::uint64_t id, std::size_t size) {
  if (size > reserved_) throw AssertionError("cohort: more to publish than was reserved in the ring");
  auto position = tail_;
  // As in reserve: it may not fit here only by what was reserved.
  if (units(reserved_) > units_to_end(tail_)) {
    record(tail_).length = wrap_marker;
    position += units_to_end(tail_);
  }
  auto& fresh = record(position);
  fresh.length = static_cast<std::uint32_t>(size);
  fresh.state.store(RecordState::pending, std::memory_order_relaxed);
  fresh.id = id;
  COHORT_FAULT_POINT("ring.publish.written");
  tail_ = position + units(size);
  reserved_ = 0;
  // Sequentially consistent, for those who then look whether somebody sleeps.
  layout_->tail.store(tail_, std::memory_order_seq_cst);
  COHORT_FAULT_POINT("ring.publish.done");
  return position;
}

bool RingProducer::holds(RingPosition position) const {
  auto const used = distance(layout_->head.load(std::memory_order_acquire), tail_);
  return tail_ - position != 0 && tail_ - position <= used;
}

bool RingProducer::revoke(RingPosition position) {
  // If the record is popped from here on, its memory is still as it was: only this side reuses it.
  if (!holds(position)) return false;
  auto pending = RecordState::pending;
  return record(position).state.compare_exchange_strong(pending, RecordState::revoked);
}

std::optional<RecordState> RingProducer::state(RingPosition position) const {
  if (!holds(position)) return std::nullopt;
  return record(position).state.load(std::memory_order_acquire);
}

RingConsumer::RingConsumer(Offset offset, std::size_t size)
    : Ring(offset, size), head_(layout_->head.load()), known_tail_(layout_->tail.load()) {
  distance(head_, known_tail_);
}

std::optional<RingRecord> RingConsumer::peek() {
  for (;;) {
    if (head_ == known_tail_) {
      known_tail_ = layout_->tail.load(std::memory_order_acquire);
      if (head_ == known_tail_) return std::nullopt;
    }
    auto const [position, units] = locate(head_, known_tail_);
    auto const front = view(position, record(position));
    front_ = position + units - head_;
    if (front.state != RecordState::revoked) return front;
    pop();
  }
}

bool RingConsumer::start(RingRecord const& record) {
  auto pending = RecordState::pending;
  return this->record(record.position).state.compare_exchange_strong(pending, RecordState::started);
}

void RingConsumer::pop() {
  COHORT_FAULT_POINT("ring.pop.before");
  head_ += std::exchange(front_, 0);
  layout_->head.store(head_, std::memory_order_seq_cst);
  COHORT_FAULT_POINT("ring.pop.done");
}

}  // namespace cohort::memory
