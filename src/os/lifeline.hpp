#pragma once
#include "os/descriptor.hpp"
#include "os/poll.hpp"

/// How a process learns that its parent ended: a pipe whose write end only the parent holds.
///
/// The kernel closes that end when the parent dies, whatever killed it. A child that must not outlive its
/// parent asks the kernel for SIGKILL on that event (O_ASYNC with F_SETSIG), so it needs no thread of its own
/// and dies also while it computes, blocks signals or is stopped. PR_SET_PDEATHSIG would fire when the
/// parent's *thread* ends, and polling a pidfd would cost a thread in every child.
namespace cohort::os {

struct Lifeline {
  Descriptor parent_end;  ///< held open by the parent as long as the child may live
  Descriptor child_end;   ///< at its end once the parent is gone
};

/// Throws `std::system_error` (EMFILE).
Lifeline make_lifeline();

/// Asks the kernel to SIGKILL this process when the parent's end closes; kills it now if that has happened.
void die_with(Descriptor const& child_end);

/// Waits until the parent is gone; false when the deadline passed first.
bool wait_hang_up(Descriptor const& child_end, Deadline deadline);

}  // namespace cohort::os
