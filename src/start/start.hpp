#pragma once
#include "start/child.hpp"
#include "start/letter.hpp"

#include <cohort/callable.hpp>
#include <cohort/detail/entry.hpp>

#include <functional>
#include <memory>
#include <string>

/// Starting a process, by one of the three methods; one file each.
///
///   Order ----> fork.cpp          fork(), the child calls `body`
///         ----> spawn.cpp         exec of this program; the letter with `save`'s bytes waits in descriptor 3
///         ----> fork_server.cpp   the letter goes to the server, whose clone is this process's own child
///                                                                              |
///   bootstrap.cpp: identity, lifeline, stdin  ->  body  ->  exit code  <-------+
namespace cohort::start {

/// What an exec'd or served child runs; it reads what `Order::save` wrote after the entry.
using Body = void(detail::Reader&);

struct Order {
  Identity identity;
  std::function<void()> body;  ///< what a forked child runs
  std::function<void(detail::Writer&)>
      save;  ///< writes the `Entry<Body>` and its data for the other children
};

/// Starts the process, by a method that need not be the program's own; throws `std::system_error`, and
/// `PicklingError` where the order cannot travel. Nothing is left behind by a failure.
std::shared_ptr<Child> start(std::string const& method, Order order);

using Method = std::shared_ptr<Child>(Order const&);
Method start_by_fork, start_by_spawn, start_by_fork_server;

/// `start`, for a process that is no child to the user: the fork server.
std::shared_ptr<Child> launch(Method& method, Order order);

/// The fork server was killed before it acted on a letter: nothing was started, and the next try has a new
/// server.
struct ServerDied {};

/// What every method makes beforehand for a child.
struct Bonds {
  os::Lifeline lifeline = os::make_lifeline();
  Sentinel sentinel;          ///< a pipe where pidfds are missing, else filled in when the pid is known
  os::Descriptor child_mark;  ///< the other end of that pipe

  Bonds();
  std::shared_ptr<Child> child(Identity const& identity, pid_t pid, os::Descriptor pidfd);
  /// Ends a process that was started, but for which there is no descriptor left here.
  static void undo(pid_t pid);
};

/// How the letter to a new process begins; the body follows.
struct LetterHead {
  Identity identity;
  bool marked;  ///< it comes with the child's end of a sentinel pipe
};
void write_letter(OutgoingMessage& letter, Order const& order, Bonds const& bonds);

/// Becomes the process a letter describes and ends as such.
[[noreturn]] void run_letter(Letter letter) noexcept;

/// Becomes a child and runs its body: prints an uncaught exception, cleans up, and ends the process.
[[noreturn]] void run_child(Identity identity, os::Descriptor lifeline,
                            std::function<void()> const& body) noexcept;

/// What to exec for another process of this program, which finds its letter in `socket`.
struct Executable {
  std::string path;
  std::vector<std::string> arguments, environment;
};
Executable this_program(os::Descriptor const& socket);

/// Throws `RuntimeError` that shows the line to add, unless `freeze_support()` has run in this program.
void require_freeze_support(std::string_view method);
bool has_freeze_support();

/// Stops the fork server of this process, if there is one.
void stop_fork_server();
/// What runs in the server before it serves; set before its start.
void set_preload(Task task);

}  // namespace cohort::start
