#include "os/fork.hpp"

#include <pthread.h>

namespace cohort::os {
namespace {
constinit std::atomic<unsigned> generation{0};
// A raw clone does not run this; whoever makes one (the forkserver) has a single thread and holds nothing.
[[maybe_unused]] int const registered =
    ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
}  // namespace

unsigned fork_generation() { return generation.load(std::memory_order_relaxed); }

}  // namespace cohort::os
