#include "memory/slots.hpp"

#include <cohort/errors.hpp>

#include "memory/arena.hpp"
#include "memory/heap.hpp"
#include "os/error.hpp"
#include "os/fault.hpp"
#include "os/futex.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace cohort::memory {

namespace {

enum class State : std::uint64_t { free = 0, starting = 1, running = 2 };

/// All that a slot's fate depends on is one word, so that it changes by one store: who has it, since which
/// generation, and who must give it back.
struct Word {
  State state = State::free;
  std::uint32_t generation = 0;
  Slot claimer;

  static Word unpack(std::uint64_t word) {
    return {State(word & 3), static_cast<std::uint32_t>(word >> 2 & 0xffffff), Slot::unpack(word >> 26)};
  }
  std::uint64_t pack() const {
    return std::uint64_t(state) | std::uint64_t{generation} << 2 | claimer.pack() << 26;
  }
};

struct alignas(64) Row {
  std::atomic<std::uint64_t> word;
  /// In clock ticks since boot: a later process with the same id began after it.
  std::atomic<std::uint64_t> adopted_at;
  std::atomic<std::int32_t> pid;
  std::atomic<std::uint32_t> exit;  ///< 0, or the wait status with the highest bit set; a futex
};
static_assert(sizeof(Row) == 64 && Arena::slots_offset + slot_count * sizeof(Row) == Arena::extents_offset);

constexpr std::uint32_t exit_known = 0x80000000;

/// Of this process: Slot::pack().
std::atomic<std::uint64_t> own_slot{0};

Row* rows() { return &arena().at<Row>(Arena::slots_offset); }

Row& row_of(Slot slot) {
  if (slot.number == 0 || slot.number >= slot_count)
    throw RuntimeError(fmt::format("cohort: {} is no process slot", slot.number));
  return rows()[slot.number];
}

/// The row's word if the slot is still the same process's.
std::optional<Word> word_of(Slot slot) {
  auto const word = Word::unpack(row_of(slot).word.load(std::memory_order_acquire));
  if (word.generation != slot.generation || word.state == State::free) return std::nullopt;
  return word;
}

/// Field 22 of /proc/<pid>/stat; none when the process is gone or a zombie.
std::optional<std::uint64_t> start_time(int pid) {
  std::string line;
  if (!std::getline(std::ifstream(fmt::format("/proc/{}/stat", pid)), line)) return std::nullopt;
  // The second field is the name in parentheses, which may contain anything.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string state, skipped;
  fields >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  std::uint64_t ticks = 0;
  fields >> ticks;
  return ticks;
}

/// Now, in the unit of a process's start time. Reading a file in /proc instead would cost every new process
/// half of what its fork does.
std::uint64_t ticks_since_boot() {
  static auto const per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * per_second +
         static_cast<std::uint64_t>(now.tv_nsec) * per_second / 1'000'000'000;
}

bool runs(Row const& row) {
  int const pid = row.pid.load(std::memory_order_relaxed);
  auto const ticks = start_time(pid);
  if (ticks) return *ticks <= row.adopted_at.load(std::memory_order_relaxed);
  // Without /proc, zombies count as alive until they are reaped.
  static bool const has_proc = ::access("/proc/self/stat", R_OK) == 0;
  return !has_proc && (::kill(pid, 0) == 0 || errno == EPERM);
}

Slot claim_free(Slot claimer) {
  for (std::uint32_t number = 1; number < slot_count; ++number) {
    Row& row = rows()[number];
    auto packed = row.word.load(std::memory_order_relaxed);
    auto const word = Word::unpack(packed);
    if (word.state != State::free) continue;
    Slot const slot{number, (word.generation + 1) & 0xffffff};
    Word const claimed{State::starting, slot.generation, claimer};
    if (!row.word.compare_exchange_strong(packed, claimed.pack(), std::memory_order_acq_rel)) continue;
    COHORT_FAULT_POINT("slots.claim.claimed");
    row.pid.store(0, std::memory_order_relaxed);
    row.exit.store(0, std::memory_order_release);
    return slot;
  }
  return {};
}

}  // namespace

Slot claim_slot() {
  auto const claimer = my_slot();
  if (auto const slot = claim_free(claimer)) return slot;
  if (reclaim_orphans() > 0)
    if (auto const slot = claim_free(claimer)) return slot;
  os::fail(EAGAIN, "cannot start another process: the tree has {} already", slot_count - 1);
}

void adopt_slot(Slot slot) {
  Row& row = row_of(slot);
  auto const word = word_of(slot);
  int const pid = ::getpid();
  if (word && word->state == State::starting) {
    row.pid.store(pid, std::memory_order_relaxed);
    row.adopted_at.store(ticks_since_boot(), std::memory_order_relaxed);
    COHORT_FAULT_POINT("slots.adopt.identified");
    auto expected = word->pack();
    Word const running{State::running, slot.generation, word->claimer};
    if (row.word.compare_exchange_strong(expected, running.pack(), std::memory_order_acq_rel)) {
      own_slot.store(slot.pack(), std::memory_order_release);
      return;
    }
  }
  throw RuntimeError(
      fmt::format("cohort: the slot of process {} was taken back before it began: its parent is gone", pid));
}

Slot my_slot() {
  if (auto const own = own_slot.load(std::memory_order_acquire)) return Slot::unpack(own);
  if (!arena().is_root())
    throw RuntimeError(
        "cohort: this process uses its parent's shared memory before it was given a slot there");
  // Threads that come here at once each claim one; all but the first give theirs back.
  auto const slot = claim_free({});
  Row& row = row_of(slot);
  row.pid.store(::getpid(), std::memory_order_relaxed);
  row.adopted_at.store(ticks_since_boot(), std::memory_order_relaxed);
  row.word.store(Word{State::running, slot.generation, {}}.pack(), std::memory_order_release);
  std::uint64_t none = 0;
  if (own_slot.compare_exchange_strong(none, slot.pack(), std::memory_order_acq_rel)) return slot;
  release_slot(slot);
  return Slot::unpack(none);
}

void release_slot(Slot slot) {
  auto const word = word_of(slot);
  if (!word) throw RuntimeError(fmt::format("cohort: process slot {} was released already", slot.number));
  auto expected = word->pack();
  Row& row = row_of(slot);
  row.pid.store(0, std::memory_order_relaxed);
  row.word.compare_exchange_strong(expected, Word{State::free, slot.generation, {}}.pack(),
                                   std::memory_order_acq_rel);
  os::futex_wake_all(row.exit);
}

std::optional<int> withdraw_slot(Slot slot) {
  Row& row = row_of(slot);
  auto packed = row.word.load(std::memory_order_acquire);
  auto const word = Word::unpack(packed);
  if (word.generation == slot.generation && word.state == State::starting) {
    Word const free{State::free, slot.generation, {}};
    if (row.word.compare_exchange_strong(packed, free.pack(), std::memory_order_acq_rel)) return std::nullopt;
  }
  auto const pid = process_of(slot);
  return pid != 0 ? std::optional(pid) : std::nullopt;
}

void record_exit(Slot slot, int wait_status) {
  Row& row = row_of(slot);
  if (!word_of(slot)) return;
  row.exit.store(exit_known | static_cast<std::uint32_t>(wait_status), std::memory_order_release);
  COHORT_FAULT_POINT("slots.exit.recorded");
  os::futex_wake_all(row.exit);
}

std::optional<int> exit_record(Slot slot) {
  auto const exit = row_of(slot).exit.load(std::memory_order_acquire);
  // In this order: a record of the slot's next process is not taken for this one's.
  if ((exit & exit_known) == 0 || !word_of(slot)) return std::nullopt;
  return static_cast<int>(exit & ~exit_known);
}

std::optional<int> wait_exit_record(Slot slot, os::Deadline deadline) {
  for (;;) {
    if (auto const status = exit_record(slot)) return status;
    if (!word_of(slot)) return std::nullopt;
    if (os::futex_wait(row_of(slot).exit, 0, deadline) == os::Wake::deadline) return exit_record(slot);
  }
}

bool is_alive(Slot slot) {
  auto const word = word_of(slot);
  if (!word) return false;
  if (word->state == State::running) return runs(row_of(slot));
  return word->claimer && is_alive(word->claimer);
}

int process_of(Slot slot) {
  auto const pid = row_of(slot).pid.load(std::memory_order_relaxed);
  return word_of(slot) ? pid : 0;
}

std::size_t reclaim_orphans() {
  std::size_t count = 0;
  auto const me = my_slot();
  for (std::uint32_t number = 1; number < slot_count; ++number) {
    Row& row = rows()[number];
    auto packed = row.word.load(std::memory_order_acquire);
    auto const word = Word::unpack(packed);
    Slot const slot{number, word.generation};
    if (word.state == State::free || is_alive(slot) || (word.claimer && is_alive(word.claimer))) continue;
    // It becomes this process's to release. If this process dies before that, it is an orphan again.
    Word const taken{State::running, word.generation, me};
    if (!row.word.compare_exchange_strong(packed, taken.pack(), std::memory_order_acq_rel)) continue;
    COHORT_FAULT_POINT("slots.reclaim.taken");
    sweep(slot.number);
    COHORT_FAULT_POINT("slots.reclaim.swept");
    release_slot(slot);
    ++count;
  }
  return count;
}

}  // namespace cohort::memory
