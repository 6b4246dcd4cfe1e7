#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/pidfd.hpp"
#include "os/socket.hpp"
#include "start/clone_parent.hpp"
#include "start/fork_server.hpp"
#include "start/start.hpp"

#include <cohort/detail/exceptions.hpp>
#include <cohort/pickle.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>

/// The fork server: a process of this program that was exec'd, so it has no thread and no lock of the
/// program's, and that forks a child for each letter.
///
///   program --- letter (lifeline, arena, body) --> server --- clone(CLONE_PARENT) --> the program's own
///   child
///           <-- pid and pidfd --------------------
///
/// Where CLONE_PARENT cannot be had the child is the server's, and the server relays its exit status through
/// the child's slot in the arena.
namespace cohort::start {
namespace {

/// Signals for the program's process group, a Ctrl-C for one, are none of the server's business; its life
/// hangs on the lifeline. The mask is also what keeps SIGCHLD for the signalfd.
sigset_t block_signals() {
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  return before;
}

class Server {
 public:
  explicit Server(os::Descriptor control) : control_(std::move(control)), signals_before_(block_signals()) {
    // For tests, and to tell whether CLONE_PARENT is to blame for something.
    if (std::getenv("COHORT_FORKSERVER_RELAY") == nullptr) clone_parent_ = CloneParent::available();
    if (!clone_parent_) become_relay();
  }

  [[noreturn]] void run() {
    for (;;) {
      pollfd set[]{{control_.get(), POLLIN, 0}, {children_ended_.get(), POLLIN, 0}};
      os::poll_until(set, std::nullopt);
      if (set[1].revents != 0) relay_ends();
      if (set[0].revents == 0) continue;
      auto letter = Letter::receive(control_.get());
      if (!letter) ::_exit(0);
      answer(std::move(*letter));
    }
  }

 private:
  void answer(Letter letter) {
    auto child = fork_child();
    ServerReply const reply{child.pid, child.pid < 0 ? errno : 0};
    if (child.pid == 0) {
      control_.reset();
      children_ended_.reset();
      ::sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
      run_letter(std::move(letter));
    }
    if (!clone_parent_ && child.pid > 0) relayed_[child.pid] = slot_of(letter);
    int const pidfd = child.pidfd.get();
    os::send_message(control_.get(), std::as_bytes(std::span(&reply, 1)), {&pidfd, child.pidfd ? 1u : 0u});
  }

  CloneParent::Result fork_child() {
    if (clone_parent_) {
      auto child = clone_parent_->clone();
      if (child.pid >= 0 || errno != EINVAL) return child;
      clone_parent_.reset();  // EINVAL: this process is the init of its pid namespace
      become_relay();
    }
    auto const pid = ::fork();
    try {
      return {pid, pid > 0 ? os::pidfd_open(pid) : os::Descriptor()};
    } catch (std::system_error const& error) {
      Bonds::undo(pid);
      errno = error.code().value();
      return {-1, os::Descriptor()};
    }
  }

  void become_relay() {
    sigset_t chld;
    ::sigemptyset(&chld);
    ::sigaddset(&chld, SIGCHLD);
    children_ended_ = os::Descriptor(::signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void relay_ends() {
    signalfd_siginfo info;
    while (::read(children_ended_.get(), &info, sizeof info) > 0) {}
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (auto const known = relayed_.extract(pid)) memory::record_exit(known.mapped(), status);
    }
  }

  static memory::Slot slot_of(Letter& letter) {
    auto reader = letter.reader();
    return detail::load<LetterHead>(reader).identity.slot;
  }

  os::Descriptor control_;
  sigset_t signals_before_;
  std::optional<CloneParent> clone_parent_;
  os::Descriptor children_ended_;
  std::map<pid_t, memory::Slot> relayed_;
};

void run_preload(Task const& preload) {
  detail::Backtrace trace;
  auto const error = detail::run_guarded(
      [&] {
        if (preload) preload();
      },
      trace);
  if (error)
    detail::report_uncaught("forkserver preload, its children start without it", ::getpid(), error, trace);
}

}  // namespace

void serve(detail::Reader& order) {
  os::Descriptor control(order.take(detail::load<std::size_t>(order)));
  run_preload(Task::load(order));
  Server(std::move(control)).run();
}

}  // namespace cohort::start
