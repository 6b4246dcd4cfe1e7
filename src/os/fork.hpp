#pragma once
#include <atomic>

/// What a fork leaves behind in the child: memory in which threads that do not exist there hold locks.
namespace cohort::os {

/// How many forks lie between this process and the one that started the program: state that belongs to the
/// threads of one process carries the number, and in a child is recognised as its parent's.
unsigned fork_generation();

/// A mutex that is free in a forked child, whichever thread of the parent held it. A `std::mutex` would stay
/// locked there for ever. Not recursive.
class ForkMutex {
 public:
  ForkMutex() = default;
  ForkMutex(ForkMutex const&) = delete;
  ForkMutex& operator=(ForkMutex const&) = delete;

  /// False if the mutex was taken from a thread that the fork left behind: what it protects may be half done.
  bool lock_whole() {
    unsigned const mine = fork_generation() + 1;
    for (unsigned seen = 0;;) {
      if (holder_.compare_exchange_strong(seen, mine, std::memory_order_acquire)) return seen == 0;
      if (seen != mine) continue;
      holder_.wait(seen, std::memory_order_relaxed);
      seen = 0;
    }
  }
  void lock() { static_cast<void>(lock_whole()); }
  void unlock() {
    holder_.store(0, std::memory_order_release);
    holder_.notify_one();
  }

 private:
  std::atomic<unsigned> holder_{0};  // 0 when free, else the generation of the holder, plus one
};

/// A global that is there before anything runs and is never destroyed; to be declared `constinit`. A static
/// within a function will not do where others may fork: its guard is one more lock, which the child inherits
/// held if a thread of the parent was just initialising it.
template <class T> union Immortal {
  constexpr Immortal() : value() {}
  ~Immortal() {}
  T value;
};

}  // namespace cohort::os
