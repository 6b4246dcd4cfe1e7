#include <cohort/pickle.hpp>

#include <catch2/catch.hpp>

namespace pickle = cohort::pickle;
using cohort::Picklable;

namespace {

template <class T> T again(T const& value) { return pickle::loads<T>(pickle::dumps(value)); }
template <class T> void check_again(T const& value) {
  bool const same = again(value) == value;
  CHECK(same);
}

struct Point {
  int x, y;
  auto operator<=>(Point const&) const = default;
};
enum class Colour : std::uint8_t { red, green };
struct Record {
  int id;
  std::string name;
  Point where;
  std::vector<double> weights;
  Colour colour;
  bool operator==(Record const&) const = default;
};
struct Node {
  int value = 0;
  std::vector<Node> children;
  bool operator==(Node const&) const = default;
};
struct Arrays {
  char name[8];
  std::string lines[2];
  int matrix[2][3];
  std::unique_ptr<int> owned[2];
  Point last;
};
struct Constant {
  int const id;
  std::string const name;
  bool operator==(Constant const&) const = default;
};
struct Bits {
  unsigned a : 3;
  int b : 5;
  bool c : 1;
  std::string text;
  bool operator==(Bits const&) const = default;
};
struct Nothing {
  bool operator==(Nothing const&) const = default;
};
struct MoveOnly {
  std::unique_ptr<std::string> text;
  std::vector<std::unique_ptr<int>> numbers;
};
struct NoDefault {
  explicit NoDefault(int given) : value(given) {}
  void save(cohort::detail::Writer& writer) const { writer.scalar(value); }
  static NoDefault load(cohort::detail::Reader& reader) { return NoDefault(reader.scalar<int>()); }
  bool operator==(NoDefault const&) const = default;
  int value;
};
struct HoldsNoDefault {
  NoDefault handle;
  std::string text;
  bool operator==(HoldsNoDefault const&) const = default;
};

class Member {
 public:
  Member() = default;
  Member(int a, std::string b) : a_(a), b_(std::move(b)) {}
  template <class Archive> void serialize(Archive& ar) { ar& a_& b_; }
  bool operator==(Member const&) const = default;

 private:
  int a_ = 0;
  std::string b_;
};
struct Split {
  int a = 0, saved = 0;
  template <class Archive> void save(Archive& ar) const { ar(a + 1); }
  template <class Archive> void load(Archive& ar) {
    ar(a);
    --a;
    saved = 1;
  }
};
class Free {
 public:
  Free() = default;
  explicit Free(int value) : value_(value) {}
  bool operator==(Free const&) const = default;

 private:
  template <class Archive> friend void serialize(Archive& ar, Free& value) { ar(value.value_, value.list_); }
  int value_ = 0;
  int list_[2] = {1, 2};
};
struct Throws {
  Throws() = default;
  explicit Throws(int error) { throw error; }
  Throws(Throws const&) {}
  template <class Archive> void serialize(Archive&) {}
};
struct Less {
  bool operator()(int a, int b) const { return a > b; }
};
struct Stateful {
  int modulus = 2;
  bool operator()(int a, int b) const { return a % modulus < b % modulus; }
};
struct Inherited : Member {
  int more = 0;
};
struct BaseOnly : Point {};
union Either {
  int a;
  float b;
};
struct Abstract {
  virtual ~Abstract() = default;
  template <class Archive> void serialize(Archive&) {}
};
struct Leaf final : Abstract {};
struct Reference {
  int& value;
};
struct Tree {
  std::optional<int> value;
  std::map<std::string, Tree> children;
  std::shared_ptr<Tree> other;
};

static_assert(Picklable<Tree> && Picklable<Node> && Picklable<Arrays> && Picklable<Constant> &&
              Picklable<Bits>);
static_assert(Picklable<Member> && Picklable<Split> && Picklable<Free> && Picklable<std::unique_ptr<Leaf>>);
static_assert(Picklable<std::set<int, Less>> && !Picklable<std::set<int, Stateful>>);
static_assert(!Picklable<int*> && !Picklable<int&> && !Picklable<void> && !Picklable<int[3]>);
static_assert(!Picklable<std::string_view> && !Picklable<std::span<int>> &&
              !Picklable<std::reference_wrapper<int>>);
static_assert(!Picklable<std::function<void()>> && !Picklable<void (*)()> && !Picklable<int Point::*>);
static_assert(!Picklable<Inherited> && !Picklable<BaseOnly> && !Picklable<Either> && !Picklable<Reference>);
static_assert(!Picklable<std::unique_ptr<Abstract>> && !Picklable<std::shared_ptr<int[]>>);
static_assert(!Picklable<std::unique_ptr<int, void (*)(int*)>> && !Picklable<std::weak_ptr<int>>);
static_assert(!Picklable<std::vector<std::map<int, std::optional<int*>>>> && !Picklable<std::exception_ptr>);

}  // namespace

TEST_CASE("aggregates travel without a macro") {
  check_again(Record{7, "name", {1, 2}, {1.5, 2.5}, Colour::green});
  check_again(Node{1, {{2, {}}, {3, {{4, {}}}}}});
  check_again(Constant{1, "a"});
  check_again(Bits{5, -3, true, "bits"});
  check_again(Nothing{});
  check_again(HoldsNoDefault{NoDefault(3), "a"});
  check_again(std::vector<HoldsNoDefault>{{NoDefault(3), "a"}, {NoDefault(4), "b"}});

  auto const arrays =
      again(Arrays{"name", {"a", "b"}, {{1, 2, 3}, {4, 5, 6}}, {std::make_unique<int>(7), nullptr}, {8, 9}});
  CHECK(std::string(arrays.name) == "name");
  CHECK(arrays.lines[1] == "b");
  CHECK(arrays.matrix[1][2] == 6);
  CHECK(*arrays.owned[0] == 7);
  CHECK(arrays.owned[1] == nullptr);
  CHECK(arrays.last == Point{8, 9});

  MoveOnly move_only{std::make_unique<std::string>("text"), {}};
  move_only.numbers.push_back(std::make_unique<int>(3));
  auto const moved = again(move_only);
  CHECK(*moved.text == "text");
  CHECK(*moved.numbers.at(0) == 3);
}

TEST_CASE("classes say themselves how they travel") {
  check_again(Member(1, "text"));
  check_again(Free(5));
  CHECK(again(Split{4}).a == 4);
  CHECK(again(Split{4}).saved == 1);
  CHECK(again(std::make_unique<Leaf>()) != nullptr);
}

TEST_CASE("shared objects keep their identity within a message") {
  auto const one = std::make_shared<std::string>("text");
  auto const copy =
      again(std::vector{one, one, std::make_shared<std::string>("text"), std::shared_ptr<std::string>()});
  CHECK(copy[0] == copy[1]);
  CHECK(copy[0] != copy[2]);
  CHECK(*copy[2] == "text");
  CHECK(copy[3] == nullptr);

  // An object and its first member share an address, but not a type.
  auto const point = std::make_shared<Point>(Point{1, 2});
  auto const parts = again(std::pair(point, std::shared_ptr<int const>(point, &point->x)));
  CHECK(*parts.first == Point{1, 2});
  CHECK(*parts.second == 1);
}

TEST_CASE("what cannot be pickled at run time throws") {
  auto const tree = std::make_shared<Tree>();
  tree->other = tree;
  CHECK_THROWS_WITH(pickle::dumps(tree), Catch::Matchers::Contains("without cycles"));
  tree->other = nullptr;

  std::variant<int, Throws> valueless;
  CHECK_THROWS_AS(valueless.emplace<1>(1), int);
  CHECK_THROWS_AS(pickle::dumps(valueless), cohort::PicklingError);
}

TEST_CASE("a buffer is used again") {
  std::vector<std::byte> buffer;
  pickle::dump(std::vector<int>(1000), buffer);
  auto const* const memory = buffer.data();
  auto const large = buffer;
  pickle::dump(5, buffer);
  CHECK(buffer == pickle::dumps(5));
  pickle::dump(std::vector<int>(1000), buffer);
  CHECK(buffer == large);
  CHECK(buffer.data() == memory);
}

TEST_CASE("a value can be read from any address") {
  auto const bytes = pickle::dumps(std::vector<double>{1, 2, 3});
  for (std::size_t offset = 0; offset < 8; ++offset) {
    std::vector<std::byte> moved(offset);
    moved.insert(moved.end(), bytes.begin(), bytes.end());
    CHECK(pickle::loads<std::vector<double>>(std::span(moved).subspan(offset)) ==
          std::vector<double>{1, 2, 3});
  }
}
