#include "os/thread.hpp"

#include <pthread.h>

namespace cohort::os {

SignalsHeldBack::SignalsHeldBack() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsHeldBack::~SignalsHeldBack() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void name_thread(std::thread& thread, char const* name) { ::pthread_setname_np(thread.native_handle(), name); }

}  // namespace cohort::os
