#include "workers/channel.hpp"

#include "os/futex.hpp"

#include <cohort/errors.hpp>

#include <cstring>
#include <new>

namespace cohort::workers {
namespace {

/// What a record's payload begins with.
struct Head {
  Kind kind;
  std::uint32_t unused;
  std::uint64_t block;  // 0: the bytes follow
  std::uint64_t size;
  std::uint64_t unused_too;  // keeps what follows aligned to 16
};
static_assert(sizeof(Head) == 32);

constexpr std::size_t tasks_at = 4096;

}  // namespace

void Bell::ring() {
  word.fetch_add(1, std::memory_order_release);
  os::futex_wake(word);
}

void Bell::sleep(std::uint32_t seen) { os::futex_wait(word, seen, std::nullopt, std::chrono::hours(1)); }

void Bells::announce() {
  // The sleeper writes its state and then looks at the ring; this side wrote the ring and now looks at the
  // state.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto const leading = leader.state.load(std::memory_order_relaxed);
  if (leading == Bell::asleep) return leader.ring();
  if (leading == Bell::absent && reserve.state.load(std::memory_order_relaxed) == Bell::asleep)
    reserve.ring();
}

void Channel::create(memory::Offset block) {
  new (&memory::arena().at<Control>(block)) Control;
  memory::Ring::create(block + tasks_at, ring_size);
  memory::Ring::create(block + tasks_at + ring_size, ring_size);
}

Channel::Channel(memory::Offset block)
    : control(memory::arena().at<Control>(block)), tasks(block + tasks_at), results(tasks + ring_size) {}

std::optional<memory::RingPosition> post(memory::RingProducer& ring, Kind kind, std::uint64_t id,
                                         detail::Payload& payload) {
  bool const inside = payload.block() == 0;
  std::byte* const room = ring.reserve(sizeof(Head) + (inside ? payload.size() : 0));
  if (room == nullptr) return std::nullopt;
  Head const head{kind, 0, payload.block(), payload.size(), 0};
  std::memcpy(room, &head, sizeof head);
  auto const bytes = payload.bytes();
  if (inside && !bytes.empty()) std::memcpy(room + sizeof head, bytes.data(), bytes.size());
  return ring.publish(id);
}

Message read(memory::RingRecord const& record) {
  Head head;
  if (record.payload.size() < sizeof head)
    throw RuntimeError("cohort: a message between engine and worker is cut short");
  std::memcpy(&head, record.payload.data(), sizeof head);
  std::span<std::byte const> bytes = record.payload.subspan(sizeof head);
  if (head.block != 0) bytes = {&memory::arena().at<std::byte>(head.block), memory::capacity_of(head.block)};
  if (head.size > bytes.size())
    throw RuntimeError("cohort: a message between engine and worker is cut short");
  return {head.kind, record.id, bytes.first(head.size), head.block};
}

}  // namespace cohort::workers
