// labels: thread
#include <catch2/catch.hpp>
#include <cohort/detail/exceptions.hpp>

#include <atomic>

#include <any>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <new>
#include <optional>
#include <random>
#include <regex>
#include <thread>
#include <variant>

namespace {

using cohort::RemoteError;
using cohort::detail::Backtrace;

std::vector<std::byte> bytes_of(std::exception_ptr const& error, Backtrace const& trace = {}) {
  std::vector<std::byte> bytes;
  cohort::detail::VectorWriter out(bytes);
  cohort::detail::save_exception(out, error, trace);
  out.finish();
  return bytes;
}

std::exception_ptr load_all(std::span<std::byte const> bytes) {
  cohort::detail::Reader in(bytes);
  auto error = cohort::detail::load_exception(in);
  CHECK(in.remaining() == 0);
  return error;
}

template <class F> std::exception_ptr caught(F throws) {
  try {
    throws();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

std::exception_ptr travel(std::exception_ptr const& error) { return load_all(bytes_of(error)); }
template <class E> std::exception_ptr throw_and_travel(E error) {
  return travel(caught([&] { throw error; }));
}

bool is_remote_error(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (RemoteError const&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// The exception as an E, by value; fails the test if it is no E, or a RemoteError where E is a base of that.
template <class E> E as(std::exception_ptr const& error) {
  REQUIRE(is_remote_error(error) == std::is_same_v<E, RemoteError>);
  try {
    std::rethrow_exception(error);
  } catch (E const& expected) {
    return expected;
  }
}

/// Whether an E arrives as an E with the same text, also when it travels on from there.
template <class E> bool same(E const& error) {
  auto const arrived = throw_and_travel(error);
  return std::string(as<E>(arrived).what()) == error.what() &&
         std::string(as<E>(travel(arrived)).what()) == error.what();
}

template <class... E> void check_texts() {
  for (bool const holds : {same(E("a text"))...}) CHECK(holds);
}
template <class... E> void check_stateless() {
  for (bool const holds : {same(E())...}) CHECK(holds);
}

template <class F> void check_thrown_by(F throws) {
  auto const error = caught(throws);
  auto const what = [](std::exception_ptr const& e) -> std::string {
    try {
      std::rethrow_exception(e);
    } catch (std::exception const& exception) {
      return exception.what();
    }
  };
  CHECK(what(travel(error)) == what(error));
}

void break_promise() {
  auto future = std::promise<int>().get_future();
  future.get();
}

}  // namespace

TEST_CASE("exceptions that are made from a text arrive as themselves") {
  check_texts<std::logic_error, std::invalid_argument, std::domain_error, std::length_error,
              std::out_of_range, std::runtime_error, std::range_error, std::overflow_error,
              std::underflow_error>();
  check_texts<cohort::TimeoutError, cohort::ValueError, cohort::RuntimeError, cohort::EOFError,
              cohort::AssertionError, cohort::StopIteration, cohort::PicklingError, cohort::UnpicklingError,
              cohort::OwnerDiedError>();
}

TEST_CASE("exceptions without state arrive as themselves") {
  check_stateless<std::exception, std::bad_alloc, std::bad_array_new_length, std::bad_cast, std::bad_any_cast,
                  std::bad_typeid, std::bad_exception, std::bad_function_call, std::bad_optional_access,
                  std::bad_weak_ptr>();
}

TEST_CASE("a system_error keeps its code, its category and its text") {
  for (auto const* category : {&std::generic_category(), &std::system_category(), &std::iostream_category()})
    for (std::string const text : {"", "cannot open", "ends with: "}) {
      auto const error =
          text.empty() ? std::system_error(ENOENT, *category) : std::system_error(ENOENT, *category, text);
      auto const arrived = as<std::system_error>(throw_and_travel(error));
      CHECK(arrived.code() == error.code());
      CHECK(arrived.what() == std::string(error.what()));
    }
  CHECK(same(std::system_error(std::make_error_code(std::future_errc::no_state), "f")));
}

TEST_CASE("a system_error of an unknown category arrives as RemoteError") {
  struct Category : std::error_category {
    char const* name() const noexcept override { return "mine"; }
    std::string message(int) const override { return "all is lost"; }
  };
  static Category const category;
  auto const arrived = as<RemoteError>(throw_and_travel(std::system_error(3, category, "text")));
  CHECK(arrived.type() == "std::system_error");
  CHECK_THAT(arrived.what(), Catch::StartsWith("text: all is lost"));
  CHECK_THAT(arrived.what(), Catch::Contains("category \"mine\""));
}

TEST_CASE("a filesystem_error keeps its paths and its code") {
  using std::filesystem::filesystem_error;
  auto const code = std::make_error_code(std::errc::permission_denied);
  for (auto const& error : {filesystem_error("copy", "/a/b", "/c d", code),
                            filesystem_error("open", "/a/b", code), filesystem_error("none", code)}) {
    auto const arrived = as<filesystem_error>(throw_and_travel(error));
    CHECK(arrived.path1() == error.path1());
    CHECK(arrived.path2() == error.path2());
    CHECK(arrived.code() == code);
    CHECK(arrived.what() == std::string(error.what()));
  }
}

TEST_CASE("what the standard library throws arrives with its own words") {
  check_thrown_by([] { (void)std::get<1>(std::variant<int, float>()); });
  check_thrown_by([] { throw std::regex_error(std::regex_constants::error_paren); });
  check_thrown_by([] { break_promise(); });
  check_thrown_by([] { (void)std::stoi("x"); });
  check_thrown_by([] { (void)std::string("x").at(3); });
  check_thrown_by([] { (void)std::any_cast<float>(std::any(1)); });
  check_thrown_by([] { (void)std::filesystem::file_size("/no/such/file"); });

  auto const variant = travel(caught([] { (void)std::get<1>(std::variant<int, float>()); }));
  CHECK_THROWS_AS(std::rethrow_exception(variant), std::bad_variant_access);
  auto const regex = travel(caught([] { throw std::regex_error(std::regex_constants::error_paren); }));
  CHECK(as<std::regex_error>(regex).code() == std::regex_constants::error_paren);
  auto const broken = travel(caught([] { break_promise(); }));
  CHECK(as<std::future_error>(broken).code() == std::future_errc::broken_promise);

  auto const stream = travel(caught([] {
    std::ifstream file("/no/such/file");
    file.exceptions(std::ios::failbit);
  }));
  CHECK(as<std::ios_base::failure>(stream).code() == std::io_errc::stream);
}

namespace {

struct ParseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
static auto const r1 = cohort::register_exception<ParseError>();

class HttpError : public std::exception {
 public:
  HttpError() = default;
  HttpError(int status, std::string url) : status(status), url(std::move(url)) {}
  char const* what() const noexcept override { return url.c_str(); }
  template <class Archive> void serialize(Archive& archive) { archive(status, url); }
  int status = 0;
  std::string url;
};
static auto const r2 = cohort::register_exception<HttpError>();

/// Not even an exception: what some libraries throw.
struct Status {
  int code;
  std::vector<std::string> notes;
};
static auto const r3 = cohort::register_exception<Status>();

struct Last final : std::runtime_error {
  using std::runtime_error::runtime_error;
};
static auto const r4 = cohort::register_exception<Last>();

struct OwnWhat {
  explicit OwnWhat(std::string text) : text(std::move(text)) {}
  std::string what() const { return text.empty() ? throw std::runtime_error("no words") : text; }
  std::string text;
};
static auto const r5 = cohort::register_exception<OwnWhat>();

struct Stop : std::exception {};
static auto const r6 = cohort::register_exception<Stop>();

static auto const r7 = cohort::register_exception<int>();

struct Unregistered : std::out_of_range {
  using std::out_of_range::out_of_range;
};

}  // namespace

TEST_CASE("registered types of the user arrive as themselves") {
  CHECK((r1 && r2 && r3 && r4 && r5 && r6 && r7));
  CHECK(cohort::register_exception<ParseError>());
  CHECK(same(ParseError("line 3")));
  CHECK(same(Last("of all")));
  CHECK(same(Stop()));
  CHECK(as<OwnWhat>(throw_and_travel(OwnWhat("said"))).text == "said");
  CHECK(as<int>(throw_and_travel(42)) == 42);

  auto const http = as<HttpError>(travel(throw_and_travel(HttpError(404, "http://there"))));
  CHECK(http.status == 404);
  CHECK(http.url == "http://there");
  auto const status = as<Status>(throw_and_travel(Status{7, {"a", "b"}}));
  CHECK(status.code == 7);
  CHECK(status.notes == std::vector<std::string>{"a", "b"});
}

TEST_CASE("types that nobody registered arrive as RemoteError") {
  auto const derived = as<RemoteError>(throw_and_travel(Unregistered("index 9")));
  CHECK(derived.type() == "(anonymous namespace)::Unregistered");
  CHECK(derived.what() == std::string("index 9"));

  CHECK(as<RemoteError>(throw_and_travel(42L)).type() == "long");
  auto const literal = as<RemoteError>(throw_and_travel("text"));
  CHECK(literal.type() == "char const*");
  CHECK(literal.what() == std::string("text"));
  CHECK(as<RemoteError>(throw_and_travel(std::string("words"))).what() == std::string("words"));
  CHECK(as<RemoteError>(travel(nullptr)).what() == std::string("cohort: there is no exception"));
}

TEST_CASE("a RemoteError travels on with its type, text and traceback") {
  RemoteError const error("what", "ns::Type", "  #0 f at g.cpp:1\n");
  auto const arrived = travel(throw_and_travel(error));
  CHECK(as<RemoteError>(arrived).what() == std::string("what"));
  CHECK(as<RemoteError>(arrived).type() == "ns::Type");
  CHECK(as<RemoteError>(arrived).traceback() == error.traceback());
  CHECK(cohort::remote_traceback(arrived) == error.traceback());
}

TEST_CASE("causes are told in the traceback") {
  auto const error = caught([] {
    try {
      try {
        throw 42;
      } catch (...) {
        std::throw_with_nested(ParseError("in the middle"));
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outside"));
    }
  });
  // std::throw_with_nested throws a class of its own.
  auto const arrived = travel(travel(error));
  CHECK(as<std::runtime_error>(arrived).what() == std::string("outside"));
  CHECK(cohort::remote_traceback(arrived) ==
        "caused by (anonymous namespace)::ParseError: in the middle\ncaused by int\n");
}

namespace {

struct BadSave : std::runtime_error {
  BadSave() : std::runtime_error("bad save") {}
  template <class Archive> void serialize(Archive&) { throw std::logic_error("no saving"); }
};
static auto const r8 = cohort::register_exception<BadSave>();

struct BadLoad {
  static inline bool loading = false;
  int value = 1;
  template <class Archive> void serialize(Archive& archive) {
    if (loading) throw 5;
    archive(value);
  }
};
static auto const r9 = cohort::register_exception<BadLoad>();

struct BadCopy : std::runtime_error {
  static inline bool bad = false;
  explicit BadCopy(std::string const& text) : std::runtime_error(text) {}
  BadCopy(BadCopy const& other) : std::runtime_error(other) {
    if (bad) throw std::bad_alloc();
  }
};
static auto const r10 = cohort::register_exception<BadCopy>();

struct Large {
  std::string data;
};
static auto const r11 = cohort::register_exception<Large>();

}  // namespace

TEST_CASE("user code that throws on the way gives a RemoteError that says so") {
  CHECK((r8 && r9 && r10 && r11));
  auto const saved = as<RemoteError>(throw_and_travel(BadSave()));
  CHECK(saved.type() == "(anonymous namespace)::BadSave");
  CHECK_THAT(saved.what(), Catch::StartsWith("bad save [cohort: "));
  CHECK_THAT(saved.what(), Catch::Contains("could not be pickled: std::logic_error: no saving"));

  BadLoad::loading = false;
  auto const bytes = bytes_of(caught([] { throw BadLoad(); }));
  CHECK(as<BadLoad>(load_all(bytes)).value == 1);
  BadLoad::loading = true;
  CHECK_THAT(as<RemoteError>(load_all(bytes)).what(), Catch::Contains("could not be unpickled: int"));

  auto const silent = as<RemoteError>(throw_and_travel(OwnWhat("")));
  CHECK_THAT(silent.what(), Catch::Contains("could not be pickled: std::runtime_error: no words"));

  auto const copied = bytes_of(caught([] { throw BadCopy("copied"); }));
  BadCopy::bad = true;
  CHECK_THAT(as<RemoteError>(load_all(copied)).what(),
             Catch::StartsWith("copied [cohort: ") && Catch::Contains("std::bad_alloc"));
  BadCopy::bad = false;

  auto const large = bytes_of(caught([] { throw Large{std::string(2'000'000, 'x')}; }));
  CHECK(large.size() < 10'000);
  CHECK_THAT(as<RemoteError>(load_all(large)).what(), Catch::Contains("an exception may have 1048576"));
}

TEST_CASE("long messages are cut") {
  auto const bytes = bytes_of(caught([] { throw std::runtime_error(std::string(5'000'000, 'x')); }));
  CHECK(bytes.size() < 200'000);
  std::string const what = as<std::runtime_error>(load_all(bytes)).what();
  CHECK(what.size() == 64 * 1024);
  CHECK_THAT(what, Catch::EndsWith("xx [cut short]"));
}

TEST_CASE("types are registered from many threads at once") {
  struct Fresh : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  std::vector<std::thread> threads;
  std::atomic<int> registered{0};
  for (int i = 0; i != 8; ++i)
    threads.emplace_back([&] { registered += cohort::register_exception<Fresh>(); });
  for (auto& thread : threads) thread.join();
  CHECK(registered == 8);
  CHECK(as<Fresh>(throw_and_travel(Fresh("now"))).what() == std::string("now"));
}

TEST_CASE("hostile bytes are an UnpicklingError or an exception, never undefined behaviour") {
  std::vector<std::vector<std::byte>> seeds;
  for (auto const& error : {caught([] { throw HttpError(404, "http://there"); }), caught([] {
                              throw Status{1, {"a"}};
                            }),
                            caught([] { (void)std::filesystem::file_size("/no/such/file"); }),
                            caught([] { throw std::regex_error({}); }), caught([] { throw 1L; })}) {
    Backtrace trace;
    for (int i = 0; i != 5; ++i)
      trace.push(reinterpret_cast<std::uintptr_t>(&load_all) + static_cast<unsigned>(i));
    seeds.push_back(bytes_of(error, trace));
  }
  auto const load = [](std::span<std::byte const> bytes) {
    cohort::detail::Reader in(bytes);
    try {
      auto const error = cohort::detail::load_exception(in);
      REQUIRE(error != nullptr);
      return true;
    } catch (cohort::UnpicklingError const&) {
      return false;
    }
  };
  for (auto const& seed : seeds) {
    CHECK(load(seed));
    for (std::size_t size = 0; size != seed.size(); ++size) CHECK_FALSE(load(std::span(seed).first(size)));
  }
  std::mt19937 random(7);
  for (int round = 0; round != 20'000; ++round) {
    auto bytes = seeds[random() % seeds.size()];
    for (auto changes = random() % 4 + 1; changes != 0; --changes)
      bytes[random() % bytes.size()] = static_cast<std::byte>(random() % 3 == 0 ? 255 : random());
    load(bytes);
  }
}
