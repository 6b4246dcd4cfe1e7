#pragma once
#include "memory/arena.hpp"
#include "memory/heap.hpp"
#include "memory/slots.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <exception>

/// Processes for the tests of the memory floor, which knows none: forked by hand, each with a slot.
namespace test {

struct Child {
  pid_t pid;
  cohort::memory::Slot slot;
};

template <class Body> Child start_child(Body body) {
  auto const slot = cohort::memory::claim_slot();
  pid_t const pid = ::fork();
  if (pid != 0) return {pid, slot};
  try {
    cohort::memory::adopt_slot(slot);
    body();
    ::_exit(0);
  } catch (std::exception const& error) {
    fmt::print(stderr, "in the child: {}\n", error.what());
    ::_exit(1);
  }
}

/// As the death monitor does it; returns the wait status.
inline int reap(Child const& child) {
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0) {}
  cohort::memory::record_exit(child.slot, status);
  cohort::memory::sweep(child.slot.number);
  cohort::memory::release_slot(child.slot);
  return status;
}

/// Runs `body` in a child and returns its exit code; 128 and the signal when it was killed.
template <class Body> int in_child(Body body) {
  int const status = reap(start_child(body));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Something that only its writer could have written, over the whole block.
inline void fill(cohort::memory::Block const& block, std::uint64_t seed) {
  auto* const words = reinterpret_cast<std::uint64_t*>(cohort::memory::arena().base() + block.offset);
  for (std::size_t i = 0; i < block.capacity / 8; ++i) words[i] = seed * 0x9e3779b97f4a7c15 + i;
}
inline bool is_filled(cohort::memory::Block const& block, std::uint64_t seed) {
  auto const* const words =
      reinterpret_cast<std::uint64_t const*>(cohort::memory::arena().base() + block.offset);
  for (std::size_t i = 0; i < block.capacity / 8; ++i)
    if (words[i] != seed * 0x9e3779b97f4a7c15 + i) return false;
  return true;
}

}  // namespace test
