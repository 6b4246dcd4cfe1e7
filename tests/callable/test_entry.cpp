#include <cohort/callable.hpp>

#include <catch2/catch.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace {

using Bytes = std::vector<std::byte>;
using Catch::Matchers::Contains;
namespace detail = cohort::detail;
namespace pickle = cohort::pickle;

void print(std::string_view text) { (void)!::write(1, text.data(), text.size()); }

/// What the other process does: runs the tasks that come on standard input. It runs before main(), which is
/// Catch2's.
struct OtherProcess {
  OtherProcess() {
    if (::getenv("COHORT_TEST_RUN_TASKS") == nullptr) return;
    Bytes bytes(1 << 16);
    bytes.resize(static_cast<std::size_t>(::read(0, bytes.data(), bytes.size())));
    try {
      for (auto const& task : pickle::loads<std::vector<cohort::Task>>(bytes)) task();
    } catch (std::exception const& error) {
      print(error.what());
    }
    ::_exit(0);
  }
} const other_process;

/// Runs this program again, with other addresses, and returns what the tasks print there.
std::string run_elsewhere(Bytes const& tasks) {
  int const input = ::memfd_create("tasks", MFD_CLOEXEC);
  REQUIRE(::write(input, tasks.data(), tasks.size()) == static_cast<ssize_t>(tasks.size()));
  ::lseek(input, 0, SEEK_SET);
  int output[2];
  REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  std::string variable = "COHORT_TEST_RUN_TASKS=1", name = "other";
  char* arguments[] = {name.data(), nullptr};
  char* environment[] = {variable.data(), nullptr};
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments, environment) == 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(output[1]);
  ::close(input);
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = ::read(output[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(size));
  ::close(output[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  return text;
}
std::string run_elsewhere(std::vector<cohort::Task> const& tasks) {
  return run_elsewhere(pickle::dumps(tasks));
}

void first() { print("first "); }
void second() { print("second "); }
struct Job {
  std::string name;
  void run() const { print(name); }
};
struct Printer {
  int number;
  void operator()() const { print(fmt::format("{} ", number)); }
};

int add_one(int x) { return x + 1; }
int same_code(int x) { return x + 1; }
template <class T> struct Tag {};
using Signature = int(int);
constexpr auto const& add_entry = detail::entry<Signature, &add_one, Tag<int>>;
constexpr auto const& same_entry = detail::entry<Signature, &same_code, Tag<char>>;

Bytes saved(detail::Entry<Signature> const& entry) {
  Bytes bytes;
  detail::VectorWriter writer(bytes);
  detail::save_entry(writer, entry);
  writer.finish();
  return bytes;
}
template <class S = Signature> detail::Entry<S> const& loaded(Bytes const& bytes) {
  detail::Reader reader(bytes);
  auto const& entry = detail::load_entry<S>(reader);
  reader.expect_end();
  return entry;
}
/// A message that names an entry: the module's id, the offset, the length of a path, the path, the type's
/// hash.
Bytes message(std::uint64_t id, std::uint64_t offset, std::string const& path, std::uint64_t hash) {
  Bytes bytes;
  detail::VectorWriter writer(bytes);
  writer.scalar(id);
  writer.scalar(offset);
  writer.scalar<std::uint64_t>(path.size());
  writer.bytes(path.data(), path.size());
  writer.scalar(hash);
  writer.finish();
  return bytes;
}
struct Named {
  std::uint64_t id, offset, hash;
};
Named named(Bytes const& bytes) {
  detail::Reader reader(bytes);
  auto const id = reader.scalar<std::uint64_t>();
  auto const offset = reader.scalar<std::uint64_t>();
  REQUIRE(reader.scalar<std::uint64_t>() == 0);
  return {id, offset, reader.scalar<std::uint64_t>()};
}

int const some_data = 5;

}  // namespace

TEST_CASE("an entry is found again") {
  CHECK(&loaded(saved(add_entry)) == &add_entry);
  CHECK(&loaded(saved(same_entry)) == &same_entry);
  CHECK(loaded(saved(same_entry)).run(1) == 2);
  CHECK(saved(add_entry).size() == 32);
}

TEST_CASE("an entry that is not where the message says is refused") {
  auto const right = named(saved(add_entry));
  REQUIRE(&loaded(message(right.id, right.offset, "", right.hash)) == &add_entry);

  auto const* const same_build = "both sides must run the same build";
  CHECK_THROWS_WITH(loaded(message(right.id + 1, right.offset, "", right.hash)),
                    Contains("another program") && Contains(same_build));
  for (std::uint64_t const offset : {right.offset + 1, right.offset + 8, right.offset - 8, std::uint64_t{0},
                                     ~std::uint64_t{0}, ~std::uint64_t{0} - 7, std::uint64_t{1} << 47})
    CHECK_THROWS_WITH(loaded(message(right.id, offset, "", right.hash)),
                      Contains("the program has no function at") && Contains(same_build));
  CHECK_THROWS_AS(loaded(message(right.id, right.offset, "", right.hash + 1)), cohort::UnpicklingError);
  CHECK_THROWS_AS(loaded(message(right.id, right.offset, "", named(saved(same_entry)).hash)),
                  cohort::UnpicklingError);
  CHECK_THROWS_AS(loaded<void()>(saved(add_entry)), cohort::UnpicklingError);
  CHECK_THROWS_WITH(loaded(message(1, right.offset, "/no/such/library.so", right.hash)),
                    Contains("/no/such/library.so, which this process cannot load") && Contains(same_build));
  auto bytes = saved(add_entry);
  while (!bytes.empty()) {
    bytes.pop_back();
    CHECK_THROWS_AS(loaded(bytes), cohort::UnpicklingError);
  }
}

TEST_CASE("a function pointer is code of a module or refused") {
  Bytes bytes;
  auto const save = [&](void* code) {
    detail::VectorWriter writer(bytes);
    detail::save_code(writer, code);
    writer.finish();
  };
  auto const load = [&] {
    detail::Reader reader(bytes);
    return detail::load_code(reader);
  };
  save(reinterpret_cast<void*>(&add_one));
  CHECK(load() == reinterpret_cast<void*>(&add_one));
  CHECK_THROWS_AS(save(nullptr), cohort::PicklingError);
  CHECK_THROWS_AS(save(const_cast<int*>(&some_data)), cohort::PicklingError);
  CHECK_THROWS_AS(save(bytes.data()), cohort::PicklingError);

  save(reinterpret_cast<void*>(&add_one));
  auto const id = named([&] {
                    auto with_hash = bytes;
                    with_hash.resize(32);
                    return with_hash;
                  }())
                      .id;
  bytes = message(id, named(saved(add_entry)).offset, "", 0);
  CHECK_THROWS_AS(load(), cohort::UnpicklingError);
}

TEST_CASE("callables run in a process with other addresses") {
  volatile bool choice = true;
  std::vector<cohort::Task> tasks{
      &first,
      choice ? &second : &first,
      [] { print("lambda 1 "); },
      [] { print("lambda 2 "); },
      [=] { print("lambda 3 "); },
      cohort::partial([](double k, std::string const& text) { print(fmt::format("{} {} ", k, text)); }, 2.5,
                      "text"),
      Printer{7},
      cohort::partial(cohort::method<&Job::run>, Job{"job "}),
      cohort::Task(),
      cohort::partial([](cohort::Task const& inner) { inner(); }, cohort::Task(&first)),
  };
  CHECK(run_elsewhere(tasks) == "first second lambda 1 lambda 2 lambda 3 2.5 text 7 job first ");
}

TEST_CASE("code of libraries travels") {
  CHECK(run_elsewhere({cohort::partial(&::abs, -3), &first}) == "first ");

#ifdef PLUGIN
  void* const plugin = ::dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(plugin != nullptr);
  cohort::Task task;
  reinterpret_cast<void (*)(cohort::Task&)>(::dlsym(plugin, "make_plugin_task"))(task);
  auto* const function = reinterpret_cast<void (*)()>(::dlsym(plugin, "plugin_function"));
  auto const bytes = pickle::dumps(std::vector<cohort::Task>{task, function});
  CHECK(run_elsewhere(bytes) == "pluginfunction");

  // The other process has no library of that name.
  auto renamed = bytes;
  std::string_view const path = PLUGIN;
  auto const at = std::search(renamed.begin(), renamed.end(), path.begin(), path.end(),
                              [](std::byte byte, char c) { return byte == static_cast<std::byte>(c); });
  REQUIRE(at != renamed.end());
  at[1] = std::byte{'#'};
  CHECK_THAT(run_elsewhere(renamed), Contains("which this process cannot load"));

  task = {};
  ::dlclose(plugin);
#endif
}
