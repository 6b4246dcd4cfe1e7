#include <cohort/callable.hpp>
#include <cohort/pickle.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <new>
#include <random>

namespace {
std::atomic<std::size_t> allocated_bytes{0};
std::atomic<std::size_t> largest_allocation{0};
}  // namespace

// Not inlined, or g++ takes the pairs for mismatched ones.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocated_bytes += size;
  if (size > largest_allocation) largest_allocation = size;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
// The address sanitizer has its own, which would not match our delete.
[[gnu::noinline]] void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

namespace pickle = cohort::pickle;
using Bytes = std::vector<std::byte>;

struct Empty {};
struct Mixed {
  bool flag;
  char name[6];
  std::optional<std::string> text;
  std::variant<int, std::vector<std::string>, Empty> choice;
  std::shared_ptr<std::string> shared[2];
  std::map<std::string, std::unique_ptr<double>> values;
};
struct Node {
  int value = 0;
  std::vector<Node> children;
  std::shared_ptr<Node> link;
};
struct Chain {
  std::unique_ptr<Chain> next;
};
struct Serialized {
  std::vector<int> values;
  std::string text;
  template <class Archive> void serialize(Archive& ar) { ar(values, text); }
};
/// Calls `check` with a type and the bytes of a value of it, for many types.
template <class Check> void for_each_sample(Check check) {
  auto const sample = [&](auto const& value) {
    check.template operator()<std::remove_cvref_t<decltype(value)>>(pickle::dumps(value));
  };
  sample(42);
  sample(true);
  sample(std::string("a text"));
  sample(std::vector<double>{1, 2, 3});
  sample(std::vector<bool>{true, false});
  sample(std::vector<std::string>{"a", "", "longer"});
  sample(std::vector<Empty>(3));
  sample(std::map<int, std::string>{{1, "a"}, {2, "b"}});
  sample(std::unordered_set<std::string>{"a", "b"});
  sample(std::deque<std::pair<int, bool>>{{1, true}, {2, false}});
  sample(std::tuple<char, std::u16string, std::chrono::seconds>{'a', u"b", 3});
  sample(std::filesystem::path("/a/b"));
  sample(std::optional<std::variant<bool, std::string>>("x"));
  sample(Node{1, {{2, {}, nullptr}, {3, {{4, {}, nullptr}}, nullptr}}, std::make_shared<Node>()});
  sample(Serialized{{1, 2}, "x"});
  sample(Chain{std::make_unique<Chain>()});
  auto const shared = std::make_shared<std::string>("shared");
  Mixed mixed{true, "hello", "text", std::vector<std::string>{"x"}, {shared, shared}, {}};
  mixed.values["one"] = std::make_unique<double>(1);
  sample(mixed);
  sample(cohort::Task([] {}));
  sample(cohort::partial([](int, std::string const&) {}, 1, "text"));
}

template <class T> Bytes untyped(T const& value) {
  Bytes bytes;
  cohort::detail::VectorWriter writer(bytes);
  cohort::detail::save(writer, value);
  writer.finish();
  return bytes;
}
/// Bytes that claim to be a T and hold these values.
template <class T, class... Value> Bytes claim(Value const&... values) {
  Bytes bytes;
  cohort::detail::VectorWriter writer(bytes);
  writer.scalar(cohort::detail::type_hash<T>());
  (cohort::detail::save(writer, values), ...);
  writer.finish();
  return bytes;
}
template <class T> bool refuses(std::span<std::byte const> bytes) {
  try {
    pickle::loads<T>(bytes);
  } catch (cohort::UnpicklingError const&) {
    return true;
  }
  return false;
}

constexpr auto huge = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("every prefix of every sample is refused") {
  for_each_sample([]<class T>(Bytes const& bytes) {
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(refuses<T>(std::span(bytes).first(size)));
  });
}

TEST_CASE("bytes behind the value are refused") {
  for_each_sample([]<class T>(Bytes bytes) {
    bytes.push_back({});
    CHECK(refuses<T>(bytes));
  });
}

TEST_CASE("changed bytes give a value or an UnpicklingError") {
  std::mt19937 random(42);
  auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  std::size_t refused = 0, accepted = 0;
  for (int round = 0; round < 2000 && std::chrono::steady_clock::now() < end; ++round)
    for_each_sample([&]<class T>(Bytes bytes) {
      for (int changes = 1 + round % 3; changes != 0; --changes)
        bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << random() % 8);
      try {
        pickle::loads<T>(bytes);
        ++accepted;
      } catch (cohort::UnpicklingError const&) {
        ++refused;
      }
    });
  CHECK(refused > 1000);
  CHECK(accepted > 100);
}

TEST_CASE("a length takes no more memory than the bytes that are there") {
  auto const limited = [](auto load) {
    largest_allocation = 0;
    allocated_bytes = 0;
    CHECK(load());
    CHECK(largest_allocation < 16384);
    CHECK(allocated_bytes < 65536);
  };
  for (std::uint64_t const length : {huge, huge / 8 + 1, std::uint64_t{1} << 40, std::uint64_t{5000}}) {
    limited([&] { return refuses<std::vector<double>>(claim<std::vector<double>>(length)); });
    limited([&] { return refuses<std::string>(claim<std::string>(length)); });
    limited([&] { return refuses<std::vector<std::string>>(claim<std::vector<std::string>>(length)); });
    limited([&] { return refuses<std::vector<Empty>>(claim<std::vector<Empty>>(length, 0)); });
    limited([&] { return refuses<std::vector<std::tuple<>>>(claim<std::vector<std::tuple<>>>(length)); });
    limited([&] { return refuses<std::list<cohort::NoneType>>(claim<std::list<cohort::NoneType>>(length)); });
    limited([&] {
      return refuses<std::unordered_map<int, int>>(claim<std::unordered_map<int, int>>(length, 0));
    });
    limited([&] { return refuses<Serialized>(claim<Serialized>(length, 1)); });
  }
}

TEST_CASE("lengths in lengths take memory for each level only") {
  Bytes nested = claim<Node>();
  for (int level = 0; level < 2000; ++level)
    for (auto const& part : {untyped(level), untyped(std::uint64_t{400})})
      nested.insert(nested.end(), part.begin(), part.end());
  allocated_bytes = 0;
  CHECK(refuses<Node>(nested));
  CHECK(allocated_bytes < Bytes::size_type{6} << 20);
}

TEST_CASE("elements that write nothing still travel") {
  CHECK(pickle::loads<std::vector<Empty>>(pickle::dumps(std::vector<Empty>(3))).size() == 3);
  using Nothing = std::list<std::tuple<cohort::NoneType, std::monostate>>;
  CHECK(pickle::loads<Nothing>(pickle::dumps(Nothing(5))).size() == 5);
}

TEST_CASE("values that a type does not have are refused") {
  CHECK(refuses<bool>(claim<bool>(std::uint8_t{2})));
  CHECK(refuses<std::optional<int>>(claim<std::optional<int>>(std::uint8_t{2}, 1)));
  CHECK(refuses<std::variant<int, char>>(claim<std::variant<int, char>>(std::uint32_t{2}, 1)));
  CHECK(refuses<std::unique_ptr<int>>(claim<std::unique_ptr<int>>(std::uint8_t{255}, 1)));
  CHECK(refuses<std::shared_ptr<int>>(claim<std::shared_ptr<int>>(std::uint8_t{3}, 1)));
  CHECK(refuses<std::shared_ptr<int>>(claim<std::shared_ptr<int>>(std::uint8_t{2}, std::uint64_t{0})));
  CHECK(refuses<std::vector<bool>>(claim<std::vector<bool>>(std::uint64_t{1}, std::uint8_t{7})));
}

TEST_CASE("a shared object is known by its type, and only when it is complete") {
  using Two = std::pair<std::shared_ptr<int>, std::shared_ptr<std::string>>;
  CHECK(refuses<Two>(claim<Two>(std::uint8_t{1}, 7, std::uint8_t{2}, std::uint64_t{0})));
  // A node whose link is itself, which is still being read.
  using Link = std::shared_ptr<Node>;
  CHECK(refuses<Link>(claim<Link>(std::uint8_t{1}, 7, std::uint64_t{0}, std::uint8_t{2}, std::uint64_t{0})));
}

TEST_CASE("nesting is bounded in both directions") {
  auto const chain = [](int length) {
    Chain first;
    for (int i = 0; i < length; ++i) first = Chain{std::make_unique<Chain>(std::move(first))};
    return first;
  };
  CHECK_NOTHROW(pickle::loads<Chain>(pickle::dumps(chain(900))));
  CHECK_THROWS_AS(pickle::dumps(chain(1100)), cohort::PicklingError);
  CHECK(refuses<Chain>(claim<Chain>(std::array<unsigned char, 1>{1}, [] {
    std::array<unsigned char, 5000> ones;
    ones.fill(1);
    return ones;
  }())));
}

TEST_CASE("bytes of another type are refused by name") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(pickle::loads<int>(pickle::dumps("text")),
                    Contains("std::") && Contains("string") && Contains("and not int"));
  CHECK_THROWS_WITH(pickle::loads<int>(untyped(std::uint64_t{1})),
                    Contains("a type that this program does not know"));
}
