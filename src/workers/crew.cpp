#include "workers/crew.hpp"

#include "process/access.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <iterator>

namespace cohort::workers {
namespace {

memory::Block make_channel() {
  auto const block = memory::allocate(Channel::size);
  Channel::create(block.offset);
  return block;
}

/// As in Python: ForkPoolWorker-1, SpawnPoolWorker-2, ForkServerPoolWorker-3.
std::string worker_name(std::string const& start_method, std::string const& process_name) {
  auto const prefix = start_method == "fork" ? "Fork" : start_method == "spawn" ? "Spawn" : "ForkServer";
  return prefix + std::string("PoolWorker") + process_name.substr(process_name.find('-'));
}

}  // namespace

Crew::Crew(std::string const& start_method, memory::Offset bells, Task const& initializer,
           std::function<void()> on_end)
    : block_(make_channel()),
      channel_(block_.offset),
      tasks_(channel_.tasks, Channel::ring_size),
      results_(channel_.results, Channel::ring_size) {
  try {
    process_ = std::make_unique<multiprocessing::Process>(
        multiprocessing::ProcessOptions{{}, true, multiprocessing::get_context(start_method)}, work,
        WorkerOrder{block_.offset, bells, initializer});
    process_->name(worker_name(start_method, process_->name()));
    process_->start();
    child_ = multiprocessing::ProcessAccess::child(*process_);
    child_->keep_estate();
    watch_ = start::Watch(child_->sentinel(), std::move(on_end));
  } catch (...) {
    if (child_) {
      child_->signal(SIGKILL);
      settle();
    }
    memory::free(block_.offset);
    throw;
  }
}

Crew::~Crew() {
  watch_ = {};
  memory::free(block_.offset);
}

bool Crew::give(Work& work) {
  auto const position = post(tasks_, Kind::task, work.id, work.payload);
  if (!position) return false;
  given_.push_back({std::move(work), *position});
  ++tasks_taken_;
  return true;
}

void Crew::wake() {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // published first, then looked whether it sleeps
  Bell& bell = channel_.control.tasks;
  if (bell.state.load(std::memory_order_relaxed) == Bell::asleep) bell.ring();
}

void Crew::tell_to_leave() {
  leaving_ = true;
  channel_.control.leave.store(1, std::memory_order_release);
  wake();
}

std::shared_ptr<detail::Failure const> Crew::collect(
    std::function<void(Work, detail::Outcome)> const& deliver) {
  std::shared_ptr<detail::Failure const> failed_start;
  bool collected = false;
  while (auto const record = condemned_ ? std::nullopt : results_.peek()) {
    auto const message = read(*record);
    detail::Payload payload;
    if (message.block == 0) {
      payload = detail::Payload(std::vector(message.bytes.begin(), message.bytes.end()));
    } else {
      // From here on it is this process's, also if the worker dies before it hears of it.
      if (!memory::reassign(message.block, child_->slot(), memory::my_slot()))
        throw RuntimeError(fmt::format("cohort: worker {} sent a block that is not its own", describe()));
      payload = detail::Payload(message.block, message.bytes.size());
    }
    if (message.kind == Kind::ready) {
      ready_ = true;
    } else if (message.kind == Kind::unready) {
      failed_start = std::make_shared<detail::Failure const>(
          detail::Failure{detail::Failure::Kind::broken_pool,
                          fmt::format("cohort: the initializer failed in worker {}", describe()),
                          std::move(payload),
                          {}});
    } else {
      if (given_.empty() || given_.front().work.id != message.id)
        throw RuntimeError(fmt::format("cohort: worker {} sent a result out of order", describe()));
      auto work = std::move(given_.front().work);
      given_.pop_front();
      auto const kind =
          message.kind == Kind::value ? detail::Outcome::Kind::value : detail::Outcome::Kind::exception;
      deliver(std::move(work), {kind, std::move(payload), nullptr});
    }
    results_.pop();
    collected = true;
  }
  if (!collected) return failed_start;
  Bell& bell = channel_.control.results;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (bell.state.load(std::memory_order_relaxed) == Bell::asleep) bell.ring();
  return failed_start;
}

std::optional<Work> Crew::take_back() {
  if (given_.empty() || !tasks_.revoke(given_.back().position)) return std::nullopt;
  auto work = std::move(given_.back().work);
  given_.pop_back();
  --tasks_taken_;
  return work;
}

Crew::Rest Crew::take_all() {
  Rest rest;
  for (auto& given : given_) {
    auto& part = tasks_.revoke(given.position) ? rest.waiting : rest.begun;
    part.push_back(std::move(given.work));
  }
  given_.clear();
  return rest;
}

void Crew::signal(int number) {
  // The worker leads a process group from its first instructions on; before that the group does not exist.
  child_->signal_group(number);
}

std::string Crew::describe() const { return fmt::format("{} (pid {})", child_->name(), child_->pid()); }

int Crew::settle() {
  child_->join(std::nullopt);
  int const code = *child_->exitcode();
  child_->settle_estate();
  return code;
}

}  // namespace cohort::workers
