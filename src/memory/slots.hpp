#pragma once
#include "os/poll.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

/// A row of shared memory for each process of the tree, by whose number it owns things.
///
/// A parent claims a slot for each child before it starts it; the child adopts it; when the child was reaped
/// the parent records how it ended, gives back what it owned (`sweep`) and releases the slot. A slot whose
/// process is dead and whose claimer is dead too can no longer be released by anybody, so it is taken back by
/// whoever next runs out of slots or memory.
///
/// Threads: safe. Fork: a child that was not given a slot of its own shares its parent's.
namespace cohort::memory {

inline constexpr std::uint32_t slot_count = 4096;

/// A process's slot. The generation tells it from the earlier processes that had the same number, so that
/// a stored Slot stays meaningful after its process is gone. Number 0 is nobody.
struct Slot {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;  ///< 24 bits

  explicit operator bool() const { return number != 0; }
  friend bool operator==(Slot, Slot) = default;
  /// Both in one word, to be stored atomically: 0 for nobody.
  std::uint64_t pack() const { return std::uint64_t{generation} << 12 | number; }
  static Slot unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word & 0xfff), static_cast<std::uint32_t>(word >> 12 & 0xffffff)};
  }
};

/// Claims a slot for a child that is about to be started. Throws `std::system_error` (EAGAIN) when
/// all are taken.
Slot claim_slot();

/// Makes `slot` this process's own, in a child just started. Throws `RuntimeError` if it was taken back in
/// the meantime, because the parent died.
void adopt_slot(Slot slot);

/// This process's slot. In the root one is claimed on first use. Throws `RuntimeError` in a process that has
/// an arena from its parent but no slot.
Slot my_slot();

/// Frees a slot, by its claimer, after the child's end was recorded and `sweep` gave back what it owned.
void release_slot(Slot slot);

/// Takes a claimed slot back before its process has adopted it, which then never can: none. If the process
/// was first its id, and the slot stays.
std::optional<int> withdraw_slot(Slot slot);

/// Leaves the status that waitpid gave in the slot, for the processes that are not the parent, and wakes
/// those that wait for it.
void record_exit(Slot slot, int wait_status);

/// How the slot's process ended; none as long as that is unknown, or when the slot was released.
std::optional<int> exit_record(Slot slot);

/// Waits for `exit_record` until the deadline.
std::optional<int> wait_exit_record(Slot slot, os::Deadline deadline);

/// Whether the slot's process runs, or is about to be started. Asks the kernel, so it holds without a parent
/// or monitor; costs a read of a file in /proc. A process that has the same id by now is known by its later
/// start.
bool is_alive(Slot slot);

/// The process id, 0 before the slot was adopted or after it was released.
int process_of(Slot slot);

/// Takes back every slot whose process and claimer are both dead, with the memory it owned; returns how many.
std::size_t reclaim_orphans();

}  // namespace cohort::memory
