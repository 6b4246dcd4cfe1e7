#include "start/child.hpp"

#include "memory/heap.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/pidfd.hpp"

#include <cohort/errors.hpp>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>

namespace cohort::start {
namespace {

/// Exit code of a process whose end left no trace: it was reaped by someone else, did not end by itself, and
/// the kernel is older than 6.15.
constexpr int unknown_exitcode = 255;

int exitcode_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

Child::Child(Identity const& identity, pid_t pid, Sentinel sentinel, os::Descriptor lifeline)
    : name_(identity.name),
      daemon_(identity.daemon),
      pid_(pid),
      slot_(identity.slot),
      sentinel_(std::move(sentinel)),
      lifeline_(std::move(lifeline)) {}

Child::~Child() = default;

void Child::check_parent(char const* verb) const {
  if (parent_ != ::getpid()) throw AssertionError(fmt::format("cohort: can only {} a child process", verb));
}

std::optional<int> Child::exitcode() {
  check_parent("test");
  {
    std::lock_guard const lock(mutex_);
    if (exitcode_) return exitcode_;
  }
  auto const code = reap_if_ended();
  if (code) children::remove(*this);
  return code;
}

std::optional<int> Child::reap_if_ended() {
  std::lock_guard const lock(mutex_);
  if (exitcode_) return exitcode_;
  if (!os::wait_readable(sentinel(), Timeout::Clock::now())) return std::nullopt;
  exitcode_ = reap();
  lifeline_.reset();
  if (!estate_kept_) settle_estate();
  return exitcode_;
}

bool Child::join(os::Deadline deadline) {
  check_parent("join");
  {
    std::lock_guard const lock(mutex_);
    if (exitcode_) return true;
  }
  if (!os::wait_readable(sentinel(), deadline)) return false;
  exitcode();
  return true;
}

int Child::reap() {
  int status = 0;
  // Blocks for an instant only: the process has ended, or (with a pipe as sentinel) is about to.
  if (os::retry([&] { return ::waitpid(pid_, &status, 0); }) == pid_) return exitcode_of(status);
  // Not ours to wait for: a fork server's child, SIGCHLD is ignored, or the program called wait() itself.
  using namespace std::chrono_literals;
  if (sentinel_.is_pidfd)
    if (auto const kept = os::kept_wait_status(sentinel_.readable)) return exitcode_of(*kept);
  // A fork server that relays writes the record when it has waited for the process.
  auto const deadline = Timeout::Clock::now() + 1s;
  while (exists() && Timeout::Clock::now() < deadline)
    if (memory::wait_exit_record(slot_, Timeout::Clock::now() + 1ms)) break;
  auto const record = memory::exit_record(slot_);
  return record ? exitcode_of(*record) : unknown_exitcode;
}

bool Child::exists() const { return os::send_signal(pid_, sentinel_.is_pidfd ? sentinel() : -1, 0); }

void Child::signal(int number) {
  check_parent("signal");
  std::lock_guard const lock(mutex_);
  if (!exitcode_) os::send_signal(pid_, sentinel_.is_pidfd ? sentinel() : -1, number);
}

void Child::signal_group(int number) {
  check_parent("signal");
  std::lock_guard const lock(mutex_);
  // Where somebody else waits for it, or SIGCHLD is ignored, the pid may be another's by now.
  if (exitcode_ || !exists()) return;
  if (::kill(-pid_, number) != 0) ::kill(pid_, number);
}

void Child::keep_estate() {
  std::lock_guard const lock(mutex_);
  estate_kept_ = true;
}

void Child::settle_estate() {
  if (std::exchange(estate_settled_, true)) return;
  memory::sweep(slot_.number);
  memory::release_slot(slot_);
}

void Child::forget() {
  lifeline_.reset();
  sentinel_.readable.reset();
}

namespace children {
namespace {

struct Registry {
  std::recursive_mutex mutex;
  std::vector<std::shared_ptr<Child>> running;
};

Registry*& pointer() {
  static Registry* registry = new Registry;
  return registry;
}
Registry& registry() { return *pointer(); }

/// In a forked child the others are its siblings. Their lifelines must go, or they would not notice the
/// parent's end before this process's; the objects stay, since a handle's lock may have been held when fork
/// copied it. So does the registry, whose lock belongs to a thread of the parent.
void forget_siblings() {
  for (auto const& sibling : registry().running) sibling->forget();
  pointer() = new Registry;
}

__attribute__((constructor)) void watch_forks() {
  ::pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); }, forget_siblings);
}

}  // namespace

std::unique_lock<std::recursive_mutex> hold_forks() { return std::unique_lock(registry().mutex); }

void add(std::shared_ptr<Child> child) {
  std::lock_guard const lock(registry().mutex);
  registry().running.push_back(std::move(child));
}

void remove(Child const& child) {
  std::shared_ptr<Child> last;  // lets go of it without the lock
  std::lock_guard const lock(registry().mutex);
  auto& running = registry().running;
  auto const found =
      std::find_if(running.begin(), running.end(), [&](auto const& one) { return one.get() == &child; });
  if (found == running.end()) return;
  last = std::move(*found);
  running.erase(found);
}

std::vector<std::shared_ptr<Child>> active() {
  std::vector<std::shared_ptr<Child>> children;
  {
    std::lock_guard const lock(registry().mutex);
    children = registry().running;
  }
  std::erase_if(children, [](auto const& child) { return child->exitcode().has_value(); });
  return children;
}

}  // namespace children
}  // namespace cohort::start
