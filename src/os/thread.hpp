#pragma once
#include <signal.h>

#include <thread>
#include <utility>

namespace cohort::os {

/// Holds back all signals from the calling thread: a thread is born with its creator's mask, and no signal handler of
/// the program may run on a thread of the library.
class SignalsHeldBack {
 public:
  SignalsHeldBack();
  ~SignalsHeldBack();
  SignalsHeldBack(SignalsHeldBack const&) = delete;
  SignalsHeldBack& operator=(SignalsHeldBack const&) = delete;

 private:
  sigset_t before_;
};

void name_thread(std::thread& thread, char const* name);

/// Starts a thread of the library; `name`, at most 15 characters, is what the system shows.
template <class F>
std::thread start_thread(char const* name, F body) {
  SignalsHeldBack const held_back;
  std::thread thread(std::move(body));
  name_thread(thread, name);
  return thread;
}

}  // namespace cohort::os
