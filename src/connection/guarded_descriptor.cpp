#include "connection/guarded_descriptor.hpp"

#include "connection/bell.hpp"
#include "os/error.hpp"
#include "os/fork.hpp"

namespace cohort::connection {

std::uint64_t GuardedDescriptor::of_this_process(std::uint64_t state) {
  std::uint64_t const generation = os::fork_generation();
  if (state >> 32 == generation) return state;
  return generation << 32 | (state & closed_bit);
}

GuardedDescriptor::Use::Use(GuardedDescriptor& owner) : owner_(&owner) {
  auto seen = owner.state_.load(std::memory_order_relaxed);
  do {
    if ((seen & closed_bit) != 0) os::fail(EBADF, "this connection is closed");
  } while (!owner.state_.compare_exchange_weak(seen, of_this_process(seen) + 1, std::memory_order_acq_rel,
                                               std::memory_order_relaxed));
}

GuardedDescriptor::Use::~Use() {
  if (owner_ == nullptr) return;
  auto const left = owner_->state_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if ((left & closed_bit) != 0 && (left & users_mask) == 0) owner_->descriptor_.reset();
}

void GuardedDescriptor::Use::check_open() const {
  if (owner_->closed()) os::fail(EBADF, "this connection was closed by another thread");
}

bool GuardedDescriptor::Use::wait(short events, os::Deadline deadline) const {
  pollfd set[2] = {{number(), events, 0}, {}};
  if (poll_open(set, deadline, [&] { check_open(); }) == 0) return false;
  if ((set[0].revents & POLLNVAL) != 0)
    os::fail(EBADF, "descriptor {} of this connection was closed behind its back", number());
  return true;
}

void GuardedDescriptor::close() {
  auto seen = state_.load(std::memory_order_relaxed);
  std::uint64_t ours;
  do {
    if ((seen & closed_bit) != 0) return;
    ours = of_this_process(seen);
  } while (!state_.compare_exchange_weak(seen, ours | closed_bit, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  if ((ours & users_mask) == 0)
    descriptor_.reset();
  else
    ring_bell();
}

}  // namespace cohort::connection
