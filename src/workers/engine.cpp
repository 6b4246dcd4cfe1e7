#include "memory/heap.hpp"
#include "os/error.hpp"
#include "os/futex.hpp"
#include "os/thread.hpp"
#include "start/exit.hpp"
#include "workers/crew.hpp"

#include <cohort/concurrent/futures/errors.hpp>
#include <cohort/detail/engine.hpp>
#include <cohort/detail/type_name.hpp>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <new>
#include <set>
#include <thread>

/// The engine: dispatcher, collector and death warden in one object under one lock.
///
///   submit() -> queue -> dispatch() -> ring of the least loaded worker ... worker ... results ring ->
///   collect() -> Sink
///
/// Who collects? Whoever waits: a thread in wait() leads, sleeping on the leader's bell; further ones sleep
/// on `followers_` until the leader has their outcome or leaves. While nobody waits, the reserve thread
/// collects. A worker wakes exactly one of them, so a round trip costs one wake-up each way.
///
/// A worker's end comes from the death monitor: `on_worker_end` reads the dead rings, fails the one task that
/// was running, hands the others out again and starts a new worker.
namespace cohort::workers {
namespace {

using detail::Failure;
using detail::Outcome;
using Lock = std::unique_lock<std::mutex>;
using namespace std::chrono_literals;

/// Tasks a worker has in its ring beyond the one it runs: enough to hide the way there and back, and they can
/// be taken back as long as they have not begun.
constexpr std::size_t tasks_ahead = 32;
/// Workers that may end one after the other before they were ready; then the pool is broken.
constexpr int failed_starts_allowed = 3;
/// What terminate() leaves a worker between SIGTERM and SIGKILL.
constexpr auto grace = 300ms;
/// How long to sleep where no wake-up can be lost: the monitor repeats those of the dead.
constexpr auto undisturbed = std::chrono::hours(1);

std::shared_ptr<Failure const> terminated();

class ProcessEngine final : public detail::Engine, public std::enable_shared_from_this<ProcessEngine> {
 public:
  explicit ProcessEngine(detail::EngineOptions options)
      : options_(std::move(options)),
        bells_block_(memory::allocate(sizeof(Bells))),
        bells_(*new (&memory::arena().at<Bells>(bells_block_.offset)) Bells) {}

  ~ProcessEngine() override {
    stop_threads();
    memory::free(bells_block_.offset);
  }

  void start() {
    try {
      Lock const lock(mutex_);
      while (crews_.size() < options_.workers) hire();
      reserve_ = os::start_thread("cohort-reserve", [this] { run_reserve(); });
    } catch (...) {
      terminate();
      join();
      throw;
    }
  }

  unsigned worker_count() const override { return options_.workers; }
  bool is_here() const override { return process_ == ::getpid(); }
  std::mutex& mutex() override { return mutex_; }

  void submit(detail::Payload task, detail::TaskLabel label, std::shared_ptr<detail::Sink> sink,
              std::size_t index) override;
  bool wait(detail::Sink& sink, std::optional<Timeout::Clock::time_point> deadline) override;
  void close() override;
  void terminate() override;
  void join() override;

 private:
  enum class Phase { running, closed, terminated };

  void check_here() const;

  // Every function below is called with the lock held, unless it takes it.
  bool is_spent(Crew const& crew) const;
  void hire();
  void refill();
  void dispatch();
  void balance();
  void collect();
  void collect_from(Crew& crew);
  bool has_results() const;
  void deliver(Work work, Outcome outcome);
  void fail(Work work, std::shared_ptr<Failure const> failure);
  void fail_all(std::shared_ptr<Failure const> failure);
  void dismiss_if_done();
  void announce();
  void lead(Lock& lock, detail::Sink& sink, os::Deadline deadline);
  void run_reserve();
  void run_callbacks();
  void stop_threads();
  void on_worker_end(std::uint64_t number);
  void mourn(Crew& crew);

  int const process_ = ::getpid();
  detail::EngineOptions const options_;
  memory::Block const bells_block_;
  Bells& bells_;

  std::mutex mutex_;
  Phase phase_ = Phase::running;
  std::shared_ptr<Failure const> over_;  ///< why nothing is run any more: broken, or terminated
  int failed_starts_ = 0;
  std::uint64_t last_crew_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Crew>> crews_;
  std::uint64_t last_task_ = 0;
  std::deque<Work> queue_;
  std::size_t outstanding_ = 0;  ///< handed in and not delivered

  bool leading_ = false;
  std::condition_variable followers_;
  std::thread reserve_;
  bool stopping_ = false;
  std::mutex stopping_turn_;

  std::thread callbacks_thread_;
  std::condition_variable callbacks_wanted_;
  std::deque<std::shared_ptr<detail::Sink>> callbacks_;
  std::size_t callbacks_due_ = 0;
  std::size_t burials_ = 0;  ///< dead crews that are being given back
};

// ---- handing out ----

/// A forked child has a copy of the engine, but neither its threads nor its workers, and its lock may be
/// held.
void ProcessEngine::check_here() const {
  if (!is_here())
    throw RuntimeError(
        "cohort: this pool belongs to the process that made it; make one in each process that needs it");
}

void ProcessEngine::submit(detail::Payload task, detail::TaskLabel label, std::shared_ptr<detail::Sink> sink,
                           std::size_t index) {
  check_here();
  Lock lock(mutex_);
  // What continues an iteration that was begun before is still taken by a closed pool.
  if (phase_ == Phase::terminated || (phase_ == Phase::closed && !sink->begun))
    throw ValueError("cohort: Pool not running: it was closed or terminated");
  if (over_) std::rethrow_exception(over_->error());
  if (sink->callback && !callbacks_thread_.joinable())
    callbacks_thread_ = os::start_thread("cohort-callback", [this] { run_callbacks(); });
  sink->begun = true;
  queue_.push_back({++last_task_, std::move(task), label, std::move(sink), index});
  ++outstanding_;
  refill();
  dispatch();
}

/// Whether it has had all the tasks that one worker may have.
bool ProcessEngine::is_spent(Crew const& crew) const {
  return options_.max_tasks && crew.tasks_taken() >= *options_.max_tasks;
}

/// Gives the oldest tasks to the workers with least to do.
void ProcessEngine::dispatch() {
  std::set<Crew*> without_room;
  while (!queue_.empty()) {
    Crew* best = nullptr;
    for (auto const& [number, crew] : crews_) {
      bool const full = crew->load() > tasks_ahead || crew->is_leaving() || crew->is_condemned() ||
                        is_spent(*crew) || without_room.contains(crew.get());
      if (!full && (best == nullptr || crew->load() < best->load())) best = crew.get();
    }
    if (best == nullptr) break;
    if (best->give(queue_.front())) {
      queue_.pop_front();
      best->wake();
    } else {
      without_room.insert(best);
    }
  }
  if (queue_.empty()) balance();
  for (auto const& [number, crew] : crews_)
    if (!crew->is_leaving() && is_spent(*crew)) crew->tell_to_leave();
}

/// A worker without tasks gets half of what waits behind the task of another.
void ProcessEngine::balance() {
  for (auto const& [number, idle] : crews_) {
    if (idle->load() != 0 || idle->is_leaving() || idle->is_condemned() || is_spent(*idle)) continue;
    auto const busiest = std::max_element(crews_.begin(), crews_.end(), [](auto const& a, auto const& b) {
      return a.second->load() < b.second->load();
    });
    Crew& donor = *busiest->second;
    if (donor.load() < 2) return;
    std::deque<Work> moved;
    for (std::size_t left = donor.load() / 2; left != 0; --left) {
      auto work = donor.take_back();
      if (!work) break;
      moved.push_front(std::move(*work));
    }
    while (!moved.empty() && !is_spent(*idle) && idle->give(moved.front())) moved.pop_front();
    queue_.insert(queue_.begin(), std::make_move_iterator(moved.begin()),
                  std::make_move_iterator(moved.end()));
    idle->wake();
  }
}

// ---- collecting ----

bool ProcessEngine::has_results() const {
  return std::any_of(crews_.begin(), crews_.end(),
                     [](auto const& crew) { return crew.second->has_results(); });
}

void ProcessEngine::collect() {
  for (auto const& [number, crew] : crews_) collect_from(*crew);
  dispatch();
  dismiss_if_done();
}

void ProcessEngine::collect_from(Crew& crew) {
  try {
    bool const was_ready = crew.is_ready();
    auto const failed_start =
        crew.collect([this](Work work, Outcome outcome) { deliver(std::move(work), std::move(outcome)); });
    if (!was_ready && crew.is_ready()) failed_starts_ = 0;
    if (failed_start) fail_all(failed_start);
  } catch (std::exception const&) {
    // What came from the worker is no message. Its end settles the rest.
    crew.condemn();
    crew.signal(SIGKILL);
  }
}

void ProcessEngine::deliver(Work work, Outcome outcome) {
  auto& sink = *work.sink;
  sink.deliver(work.index, std::move(outcome));
  --outstanding_;
  if (!sink.ready()) return;
  if (sink.callback && !sink.called_back) {
    ++callbacks_due_;
    callbacks_.push_back(std::move(work.sink));
    callbacks_wanted_.notify_one();
  } else {
    followers_.notify_all();
  }
}

void ProcessEngine::fail(Work work, std::shared_ptr<Failure const> failure) {
  deliver(std::move(work), {Outcome::Kind::failure, {}, std::move(failure)});
}

/// Breaks or ends the pool: every task that was handed in fails.
void ProcessEngine::fail_all(std::shared_ptr<Failure const> failure) {
  over_ = failure;
  for (auto const& [number, crew] : crews_) {
    auto [begun, waiting] = crew->take_all();
    for (auto& work : begun) {
      crew->keep(std::move(work.payload));  // its worker may be reading it
      fail(std::move(work), failure);
    }
    for (auto& work : waiting) fail(std::move(work), failure);
    crew->condemn();
    crew->signal(SIGTERM);
  }
  while (!queue_.empty()) {
    auto work = std::move(queue_.front());
    queue_.pop_front();
    fail(std::move(work), failure);
  }
  announce();
}

/// Tells those that sleep that something other than a result has happened.
void ProcessEngine::announce() {
  followers_.notify_all();
  bells_.announce();
}

// ---- waiting ----

namespace {
bool is_ready(detail::Sink const& sink) { return sink.ready() && (!sink.callback || sink.called_back); }
}  // namespace

bool ProcessEngine::wait(detail::Sink& sink, std::optional<Timeout::Clock::time_point> deadline) {
  check_here();
  Lock lock(mutex_);
  if (!leading_) collect();
  for (;;) {
    if (is_ready(sink)) return true;
    if (deadline && Timeout::Clock::now() >= *deadline) return false;
    if (!leading_)
      lead(lock, sink, deadline);
    else if (deadline)
      followers_.wait_until(lock, *deadline);
    else
      followers_.wait(lock);
  }
}

void ProcessEngine::lead(Lock& lock, detail::Sink& sink, os::Deadline deadline) {
  Bell& bell = bells_.leader;
  struct Leadership {
    ProcessEngine& engine;
    ~Leadership() {
      engine.bells_.leader.state.store(Bell::absent, std::memory_order_relaxed);
      engine.leading_ = false;
      std::atomic_thread_fence(std::memory_order_seq_cst);
      engine.followers_.notify_all();  // one of them leads from here
    }
  };
  {
    Leadership const leadership{*this};
    leading_ = true;
    bell.state.store(Bell::awake, std::memory_order_relaxed);
    for (;;) {
      collect();
      if (is_ready(sink) || (deadline && Timeout::Clock::now() >= *deadline)) break;
      auto const seen = bell.word.load(std::memory_order_acquire);
      bell.state.store(Bell::asleep, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (!has_results()) {
        lock.unlock();
        os::futex_wait(bell.word, seen, deadline);
        lock.lock();
      }
      bell.state.store(Bell::awake, std::memory_order_relaxed);
    }
  }
  collect();  // results whose workers saw this thread awake, and so told nobody
}

/// Collects as long as nobody else does.
void ProcessEngine::run_reserve() {
  Lock lock(mutex_);
  Bell& bell = bells_.reserve;
  while (!stopping_) {
    if (!leading_) collect();
    auto const seen = bell.word.load(std::memory_order_acquire);
    bell.state.store(Bell::asleep, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!stopping_ && (leading_ || !has_results())) {
      lock.unlock();
      os::futex_wait(bell.word, seen, std::nullopt, undisturbed);
      lock.lock();
    }
    bell.state.store(Bell::awake, std::memory_order_relaxed);
  }
}

/// Callbacks are user code: they have a thread of their own, and what they throw ends there.
void ProcessEngine::run_callbacks() {
  Lock lock(mutex_);
  for (;;) {
    callbacks_wanted_.wait(lock, [this] { return stopping_ || !callbacks_.empty(); });
    if (callbacks_.empty()) return;
    auto sink = std::move(callbacks_.front());
    callbacks_.pop_front();
    lock.unlock();
    detail::run_callback(sink->callback);
    lock.lock();
    sink->called_back = true;
    --callbacks_due_;
    announce();
    auto callback = std::exchange(sink->callback, nullptr);  // it holds the sink
    lock.unlock();                                           // what they hold is destroyed by user code
    callback = nullptr;
    sink.reset();
    lock.lock();
  }
}

void ProcessEngine::stop_threads() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    callbacks_wanted_.notify_all();
  }
  bells_.reserve.ring();
  std::lock_guard const turn(stopping_turn_);  // two may join the pool at once
  if (reserve_.joinable()) reserve_.join();
  if (callbacks_thread_.joinable()) callbacks_thread_.join();
}

// ---- workers come and go ----

void ProcessEngine::hire() {
  auto const number = ++last_crew_;
  auto const on_end = [engine = weak_from_this(), number] {
    if (auto const self = engine.lock()) self->on_worker_end(number);
  };
  auto crew =
      std::make_unique<Crew>(options_.start_method, bells_block_.offset, options_.initializer, on_end);
  crews_.emplace(number, std::move(crew));
}

/// Brings the pool back to its number of workers. Where that cannot be done, a pool that still has some goes
/// on and tries again later; one without any is broken.
void ProcessEngine::refill() {
  if (over_) return;
  if (start::is_exiting()) {
    if (crews_.empty()) fail_all(terminated());
    return;
  }
  if (phase_ == Phase::closed && outstanding_ == 0) return;
  try {
    while (crews_.size() < options_.workers) hire();
  } catch (std::exception const& error) {
    if (!crews_.empty()) return;
    fail_all(std::make_shared<Failure const>(
        Failure{Failure::Kind::broken_pool,
                fmt::format("cohort: no worker can be started: {}", error.what()),
                {},
                {}}));
  }
}

void ProcessEngine::on_worker_end(std::uint64_t number) {
  Lock lock(mutex_);
  auto const found = crews_.find(number);
  if (found == crews_.end()) return;
  auto dead = std::move(found->second);
  crews_.erase(found);
  ++burials_;
  collect_from(*dead);
  mourn(*dead);
  refill();
  collect();
  lock.unlock();
  dead.reset();  // without the lock: it waits for calls like this one
  lock.lock();
  --burials_;
  announce();
}

std::string describe_end(int exitcode) {
  if (exitcode >= 0) return fmt::format("ended with exit code {}", exitcode);
  auto const name = ::sigabbrev_np(-exitcode);
  return fmt::format("was killed by signal {} (SIG{})", -exitcode, name == nullptr ? "?" : name);
}

/// Settles what a dead worker leaves: the task it was at fails, the others go back to the head of the queue.
void ProcessEngine::mourn(Crew& crew) {
  auto [begun, waiting] = crew.take_all();
  auto const end = describe_end(crew.settle());
  auto const who = crew.describe();
  for (auto& work : begun) {
    auto const message = fmt::format("cohort: worker {} {} while it ran task {}, ", who, end, work.id);
    auto const label = work.label;
    fail(std::move(work),
         over_ ? over_
               : std::make_shared<Failure const>(Failure{Failure::Kind::broken_pool, message, {}, label}));
  }
  queue_.insert(queue_.begin(), std::make_move_iterator(waiting.begin()),
                std::make_move_iterator(waiting.end()));
  if (over_) return fail_all(over_);
  if (crew.is_ready() || crew.is_leaving()) return;
  if (++failed_starts_ < failed_starts_allowed) return;
  fail_all(std::make_shared<Failure const>(
      Failure{Failure::Kind::broken_pool,
              fmt::format("cohort: {} workers in a row ended before they were ready; the last, {}, {}",
                          failed_starts_, who, end),
              {},
              {}}));
}

// ---- the end ----

/// Once a closed pool has nothing left to do its workers may go.
void ProcessEngine::dismiss_if_done() {
  if (phase_ != Phase::closed || outstanding_ != 0) return;
  for (auto const& [number, crew] : crews_)
    if (!crew->is_leaving()) crew->tell_to_leave();
}

void ProcessEngine::close() {
  check_here();
  Lock lock(mutex_);
  if (phase_ == Phase::running) phase_ = Phase::closed;
  dismiss_if_done();
}

std::shared_ptr<Failure const> terminated() {
  return std::make_shared<Failure const>(
      Failure{Failure::Kind::terminated, "cohort: the pool was terminated before this task ended", {}, {}});
}

void ProcessEngine::terminate() {
  check_here();
  Lock lock(mutex_);
  if (phase_ == Phase::terminated) return;
  phase_ = Phase::terminated;
  fail_all(terminated());
}

void ProcessEngine::join() {
  check_here();
  {
    Lock lock(mutex_);
    if (phase_ == Phase::running)
      throw ValueError("cohort: Pool is still running: call close() or terminate() first");
    if (std::this_thread::get_id() == callbacks_thread_.get_id())
      throw RuntimeError("cohort: a callback of the pool cannot wait for the pool's end");
    auto const gone = [this] { return crews_.empty() && burials_ == 0 && callbacks_due_ == 0; };
    // A worker whose pool is over has SIGTERM; one that does not go is killed.
    while (!followers_.wait_for(lock, grace, gone))
      if (over_)
        for (auto const& [number, crew] : crews_) crew->signal(SIGKILL);
  }
  stop_threads();
}

}  // namespace
}  // namespace cohort::workers

namespace cohort::detail {

std::shared_ptr<Engine> Engine::make(EngineOptions options) {
  // In a forked child the engine's threads and workers are not its own: there it is left alone.
  auto const destroy = [](workers::ProcessEngine* engine) {
    if (engine->is_here()) delete engine;
  };
  std::shared_ptr<workers::ProcessEngine> engine(new workers::ProcessEngine(std::move(options)), destroy);
  engine->start();
  return engine;
}

}  // namespace cohort::detail
