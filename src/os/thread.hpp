#pragma once
#include <signal.h>

#include <thread>
#include <utility>

namespace cohort::os {

/// Holds back all signals from the calling thread: a thread is born with its creator's mask, and no signal
/// handler of the program may run on a thread of the library.
class SignalsHeldBack {
 public:
  SignalsHeldBack();
  ~SignalsHeldBack();
  SignalsHeldBack(SignalsHeldBack const&) = delete;
  SignalsHeldBack& operator=(SignalsHeldBack const&) = delete;

  sigset_t const& before() const { return before_; }

 private:
  sigset_t before_;
};

/// Names the calling thread, which is the library's, and keeps the mask that its creator had.
void become_library_thread(char const* name, sigset_t const& creators_mask);

/// In a child that a thread of the library has forked: the child is the program's, and gets the mask it would
/// have if the program had forked it. On other threads it does nothing.
void restore_programs_mask();

/// Starts a thread of the library; `name`, at most 15 characters, is what the system shows.
template <class F> std::thread start_thread(char const* name, F body) {
  SignalsHeldBack const held_back;
  return std::thread([name, mask = held_back.before(), body = std::move(body)] {
    become_library_thread(name, mask);
    body();
  });
}

}  // namespace cohort::os
