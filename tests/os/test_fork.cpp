/// What fork.hpp promises about locks that other threads hold at a fork.
#include <catch2/catch.hpp>

#include "connection/support.hpp"
#include "os/fork.hpp"

#include <mutex>
#include <thread>

using cohort::os::ForkMutex;

TEST_CASE("a ForkMutex excludes threads") {
  ForkMutex mutex;
  int value = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        std::scoped_lock const lock(mutex);
        ++value;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(value == 80'000);
}

TEST_CASE("a ForkMutex held at a fork is free in the child, which learns of it") {
  auto const generation = cohort::os::fork_generation();
  ForkMutex held, free;
  std::unique_lock const lock(held);
  Child child([&] {
    demand(cohort::os::fork_generation() == generation + 1, "the generation");
    demand(free.lock_whole(), "a free mutex was taken over");
    demand(!held.lock_whole(), "not taken over");
    held.unlock();
    demand(held.lock_whole(), "taken over twice");
    Child grandchild([&] {
      demand(cohort::os::fork_generation() == generation + 2, "the generation of the grandchild");
      demand(!held.lock_whole(), "not taken over by the grandchild");
    });
    demand(grandchild.join() == 0, "the grandchild");
  });
  CHECK(child.join() == 0);
  CHECK(cohort::os::fork_generation() == generation);
}
