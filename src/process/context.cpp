#include <cohort/multiprocessing/connection.hpp>
#include <cohort/multiprocessing/context.hpp>

#include "os/cpus.hpp"
#include "os/fork.hpp"
#include "start/start.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace cohort::multiprocessing {
namespace {

struct Chosen {
  os::ForkMutex mutex;
  std::string method;
};

constinit os::Immortal<Chosen> immortal;
Chosen& chosen() { return immortal.value; }

std::string default_method() {
  // A child goes on with its parent's method.
  if (auto const& inherited = start::self().start_method; !inherited.empty()) return inherited;
  return start::has_freeze_support() ? "forkserver" : "fork";
}

void check_method(std::string_view method) {
  auto const all = get_all_start_methods();
  if (std::find(all.begin(), all.end(), method) == all.end())
    throw ValueError(
        fmt::format("cohort: cannot find context for '{}': use fork, spawn or forkserver", method));
}

}  // namespace

Context get_context(std::string_view method) {
  if (method.empty()) return Context(get_start_method());
  check_method(method);
  return Context(std::string(method));
}

void set_start_method(std::string_view method, bool force) {
  check_method(method);
  std::lock_guard const lock(chosen().mutex);
  if (!chosen().method.empty() && !force) throw RuntimeError("cohort: context has already been set");
  chosen().method = method;
}

std::string get_start_method() {
  std::lock_guard const lock(chosen().mutex);
  if (chosen().method.empty()) chosen().method = default_method();
  return chosen().method;
}

std::vector<std::string> get_all_start_methods() {
  if (start::has_freeze_support()) return {"forkserver", "fork", "spawn"};
  return {"fork", "spawn", "forkserver"};
}

void set_forkserver_preload(Task preload) { start::set_preload(std::move(preload)); }

std::pair<Connection, Connection> Context::Pipe(bool duplex) const { return multiprocessing::Pipe(duplex); }

unsigned cpu_count() { return os::cpu_count(); }
unsigned process_cpu_count() { return os::usable_cpu_count(); }

}  // namespace cohort::multiprocessing
