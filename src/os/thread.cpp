#include "os/thread.hpp"

#include <pthread.h>

namespace cohort::os {
namespace {

thread_local bool is_library_thread = false;
thread_local sigset_t programs_mask;

}  // namespace

SignalsHeldBack::SignalsHeldBack() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsHeldBack::~SignalsHeldBack() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void become_library_thread(char const* name, sigset_t const& creators_mask) {
  ::pthread_setname_np(::pthread_self(), name);
  is_library_thread = true;
  programs_mask = creators_mask;
}

void restore_programs_mask() {
  if (is_library_thread) ::pthread_sigmask(SIG_SETMASK, &programs_mask, nullptr);
  is_library_thread = false;
}

}  // namespace cohort::os
