#pragma once
#include "os/poll.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

/// Sleeping on a word of shared memory. The futexes are shared ones, never FUTEX_PRIVATE: waiter and waker
/// are different processes.
namespace cohort::os {

/// The longest single sleep. A wake-up can be lost to kill -9: the waker dies between its store and the wake,
/// or the woken waiter dies before it acts. No protocol repairs that from outside, so every sleep is short
/// and its caller looks at the word, and after the owner of what it waits for, again.
inline constexpr std::chrono::milliseconds longest_sleep{50};

enum class Wake {
  changed,   ///< the word was not `expected` any more: no sleep
  woken,     ///< by `futex_wake`, or for no reason
  signal,    ///< a signal handler ran
  cap,       ///< the longest sleep is over, the deadline is not reached
  deadline,  ///< the deadline has passed
};

/// Sleeps while `word` holds `expected`: once, for at most `cap`. The caller loops.
/// A longer `cap` is for words whose wake cannot be lost, or is repeated by the death monitor.
Wake futex_wait(std::atomic<std::uint32_t> const& word, std::uint32_t expected, Deadline deadline = {},
                std::chrono::nanoseconds cap = longest_sleep);

/// Wakes at most `count` sleepers; returns how many there were.
int futex_wake(std::atomic<std::uint32_t>& word, int count = 1);

/// Wakes every sleeper.
int futex_wake_all(std::atomic<std::uint32_t>& word);

}  // namespace cohort::os
