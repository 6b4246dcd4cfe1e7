#include <cohort/multiprocessing/process.hpp>

#include "os/pidfd.hpp"
#include "start/child.hpp"
#include "start/identity.hpp"

#include <signal.h>

/// The parent and the children of this process, as seen from it.
namespace cohort::multiprocessing {

std::string ProcessInfo::name() const { return child_->name(); }
int ProcessInfo::pid() const { return child_->pid(); }
bool ProcessInfo::daemon() const { return child_->daemon(); }
bool ProcessInfo::is_alive() const { return !child_->exitcode(); }
std::optional<int> ProcessInfo::exitcode() const { return child_->exitcode(); }
void ProcessInfo::join(Timeout timeout) const { child_->join(timeout.deadline()); }
void ProcessInfo::terminate() const { child_->signal(SIGTERM); }
void ProcessInfo::kill() const { child_->signal(SIGKILL); }

std::vector<ProcessInfo> active_children() {
  std::vector<ProcessInfo> result;
  for (auto& child : start::children::active()) result.push_back(ProcessInfo(std::move(child)));
  return result;
}

bool ParentProcess::is_alive() const {
  return !os::wait_hang_up(start::parent_lifeline(), Timeout::Clock::now());
}
void ParentProcess::join(Timeout timeout) const {
  os::wait_hang_up(start::parent_lifeline(), timeout.deadline());
}

namespace {
/// Sent only while the parent lives, so never to a process that got its pid later. (The instant between the
/// two is the kernel's own race of kill().)
void signal_parent(ParentProcess const& parent, int signal) {
  if (parent.is_alive()) os::send_signal(parent.pid(), -1, signal);
}
}  // namespace

void ParentProcess::terminate() const { signal_parent(*this, SIGTERM); }
void ParentProcess::kill() const { signal_parent(*this, SIGKILL); }

std::optional<ParentProcess> parent_process() {
  auto const& self = start::self();
  if (self.path.empty()) return std::nullopt;
  return ParentProcess(self.parent_name, self.parent_pid);
}

}  // namespace cohort::multiprocessing
