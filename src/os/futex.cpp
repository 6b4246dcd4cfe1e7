#include "os/futex.hpp"

#include "os/error.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace cohort::os {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);

Wake futex_wait(std::atomic<std::uint32_t> const& word, std::uint32_t expected, Deadline deadline,
                std::chrono::nanoseconds cap) {
  using Nanoseconds = std::chrono::nanoseconds;
  Nanoseconds sleep = cap;
  bool ends_at_deadline = false;
  if (deadline) {
    auto const rest = *deadline - Timeout::Clock::now();
    if (rest <= Nanoseconds::zero())
      return word.load(std::memory_order_acquire) == expected ? Wake::deadline : Wake::changed;
    if (rest <= sleep) {
      sleep = rest;
      ends_at_deadline = true;
    }
  }
  auto const seconds = std::chrono::floor<std::chrono::seconds>(sleep);
  timespec const limit{seconds.count(), (sleep - seconds).count()};  // FUTEX_WAIT takes a relative time
  if (::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &limit, nullptr, 0) == 0) return Wake::woken;
  switch (errno) {
    case EAGAIN:
      return Wake::changed;
    case EINTR:
      return Wake::signal;
    case ETIMEDOUT:
      return ends_at_deadline ? Wake::deadline : Wake::cap;
    default:
      fail(errno, "cannot wait on a word of shared memory");
  }
}

int futex_wake(std::atomic<std::uint32_t>& word, int count) {
  long const woken = ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  if (woken < 0) fail(errno, "cannot wake the waiters on a word of shared memory");
  return static_cast<int>(woken);
}

int futex_wake_all(std::atomic<std::uint32_t>& word) { return futex_wake(word, INT_MAX); }

}  // namespace cohort::os
