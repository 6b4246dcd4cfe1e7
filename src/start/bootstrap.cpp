#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"
#include "start/exit.hpp"
#include "start/start.hpp"

#include <cohort/detail/exceptions.hpp>
#include <cohort/pickle.hpp>

#include <fcntl.h>

namespace cohort::start {
namespace {

/// A child never reads the terminal or file its parent reads, and its `exit` must not move the offset they
/// share.
void close_stdin() {
  static bool done = false;  // by the fork server or whatever other child this one was forked from
  if (std::exchange(done, true)) return;
  os::Descriptor const null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (null) ::dup2(null.get(), STDIN_FILENO);
}

}  // namespace

void write_letter(OutgoingMessage& letter, Order const& order, Bonds const& bonds) {
  letter.attach(bonds.lifeline.child_end.get());
  letter.attach(memory::arena().descriptor());
  if (bonds.child_mark) letter.attach(bonds.child_mark.get());
  detail::save(letter, LetterHead{order.identity, static_cast<bool>(bonds.child_mark)});
  order.save(letter);
}

void run_letter(Letter letter) noexcept {
  auto reader = letter.reader();
  os::Descriptor lifeline(reader.take(0));
  if (os::Descriptor arena(reader.take(1));
      !memory::has_arena())  // the fork server's children have its mapping
    memory::Arena::adopt(std::move(arena));
  auto head = detail::load<LetterHead>(reader);
  if (head.marked) reader.take(2);  // the mark is held until the kernel closes it
  run_child(std::move(head.identity), std::move(lifeline), [&] {
    auto const& entry = detail::load_entry<Body>(reader);
    entry.run(reader);
  });
}

void run_child(Identity identity, os::Descriptor lifeline, std::function<void()> const& body) noexcept {
  try {
    memory::adopt_slot(identity.slot);
  } catch (std::exception const&) {
    ::_exit(1);  // the parent gave up on this start
  }
  become(std::move(identity), std::move(lifeline));
  close_stdin();
  arrange_childs_exit();
  detail::Backtrace trace;
  auto const error = detail::run_guarded(body, trace);
  if (error) detail::report_uncaught(self().name, ::getpid(), error, trace);
  finish(error ? 1 : 0);
}

}  // namespace cohort::start
