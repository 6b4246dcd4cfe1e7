#pragma once
#include <cohort/detail/payload.hpp>

#include "memory/heap.hpp"
#include "memory/ring.hpp"
#include "os/poll.hpp"

#include <atomic>
#include <cstdint>

/// What the engine and one worker share: two rings of messages, and words to wake each other.
///
///   engine ---- tasks ----> worker      A ring has one writer and one reader, so no lock is shared, and
///   whoever
///          <--- results ---             dies, what it had finished stands complete in the ring.
///
/// A small message lies in the ring, a large one in a block of the arena that the ring names.
namespace cohort::workers {

/// A word that one side sleeps on and the other wakes, and whether it sleeps: waking costs a system call.
struct Bell {
  enum State : std::uint32_t { absent, awake, asleep };
  std::atomic<std::uint32_t> word{0};
  std::atomic<std::uint32_t> state{absent};

  void ring();
  /// Between announcing sleep and this call its owner must look once more at what it sleeps for.
  /// Only for a bell whose ringers outlive its owner, or are watched: no ring is lost.
  void sleep(std::uint32_t seen);
};

/// Who is to be told that results are there: the thread that leads the collection, or without one the
/// reserve.
struct Bells {
  alignas(64) Bell leader;
  alignas(64) Bell reserve;

  /// After results were published.
  void announce();
};

enum class Kind : std::uint32_t {
  task,       ///< to the worker: a `detail::Call` entry and its data
  ready,      ///< from the worker: the initializer has run
  unready,    ///< from the worker: the initializer threw this exception
  value,      ///< from the worker: the value of a task
  exception,  ///< from the worker: what a task threw
};

/// A message as it was found in a ring.
struct Message {
  Kind kind;
  std::uint64_t id;
  std::span<std::byte const> bytes;  ///< in the ring or in the block
  std::uint64_t block;               ///< 0 when they are in the ring
};

/// The words of one worker.
struct Control {
  std::atomic<std::uint32_t> leave{0};  ///< 1: the worker is to end when its ring is empty
  alignas(64) Bell tasks;               ///< the worker sleeps on it for want of tasks
  alignas(64) Bell results;             ///< the worker sleeps on it for want of room
};

/// One worker's part of the arena, made and owned by the engine. Both sides attach by its offset.
class Channel {
 public:
  static constexpr std::size_t size = 128 * 1024;

  /// Prepares the block for a new worker.
  static void create(memory::Offset block);
  explicit Channel(memory::Offset block);

  Control& control;
  /// Of these two each side uses one as producer and one as consumer; the engine under its lock.
  memory::Offset const tasks, results;
  static constexpr std::size_t ring_size = (size - 4096) / 2 / 64 * 64;
};

/// Puts a message into a ring; false when it is too full now. The block of a large payload goes over to the
/// reader of the message: with `from` and `to` its ownership does, in the same step as far as any death can
/// tell.
std::optional<memory::RingPosition> post(memory::RingProducer& ring, Kind kind, std::uint64_t id,
                                         detail::Payload& payload);

/// The message in a record. Throws `RuntimeError` for a damaged one.
Message read(memory::RingRecord const& record);

}  // namespace cohort::workers
