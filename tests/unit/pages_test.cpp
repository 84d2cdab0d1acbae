// The pages for people: README, and one for each job.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

namespace fs = std::filesystem;

const fs::path sources = DBOOT_SOURCE_DIR;

std::vector<fs::path> pages() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(sources)) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  for (const char* room : {"injector", "payload", "shared", "tests", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(sources / room)) {
      if (entry.path().extension() == ".md" &&
          entry.path().filename() != "README.released.md")  // of what is installed
        found.push_back(entry.path());
    }
  }
  return found;
}

/// As GitHub makes it of a heading.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char letter : heading) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) != 0 || byte >= 0x80 || letter == '-' || letter == '_')
      anchor += static_cast<char>(std::tolower(byte));
    if (letter == ' ') anchor += '-';
  }
  return anchor;
}

std::set<std::string> anchors_in(const fs::path& page) {
  std::set<std::string> anchors;
  std::istringstream lines(sys::read_file(page.string()));
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of('#');
    if (begin != 0 && begin != std::string::npos && line[begin] == ' ')
      anchors.insert(anchor_of(line.substr(begin + 1)));
  }
  return anchors;
}

TEST(Pages, LinksLeadSomewhere) {
  const std::regex link(R"(\]\(([^)\s]+)\))");
  for (const auto& page : pages()) {
    const auto text = sys::read_file(page.string());
    for (std::sregex_iterator at(text.begin(), text.end(), link); at != std::sregex_iterator();
         ++at) {
      const auto target = (*at)[1].str();
      if (target.starts_with("https:")) continue;
      const auto hash = target.find('#');
      const auto file = target.substr(0, hash);
      const auto path = file.empty() ? page : page.parent_path() / file;
      EXPECT_TRUE(fs::exists(path)) << page << " links to " << target;
      if (hash == std::string::npos || !fs::exists(path)) continue;
      EXPECT_TRUE(anchors_in(path).contains(target.substr(hash + 1)))
          << page << " links to " << target;
    }
  }
}

TEST(Pages, ReadmeIsShort) {
  const auto readme = sys::read_file((sources / "README.md").string());
  EXPECT_LE(std::count(readme.begin(), readme.end(), '\n'), 150);
}

/// Those of the table of jobs.
TEST(Pages, JobsNameTheTestThatDoesThem) {
  const auto readme = sys::read_file((sources / "README.md").string());
  const auto jobs = readme.substr(readme.find("## The jobs"));
  const std::regex page(R"(\n\|[^\n]*\]\(([^)]+\.md)\) \|)");
  const std::regex test(R"(\((tests/[a-z_/]+\.[a-z]+)\))");
  int count = 0;
  for (std::sregex_iterator at(jobs.begin(), jobs.end(), page); at != std::sregex_iterator();
       ++at) {
    ++count;
    const auto text = sys::read_file((sources / (*at)[1].str()).string());
    std::smatch found;
    ASSERT_TRUE(std::regex_search(text, found, test)) << (*at)[1];
    EXPECT_TRUE(fs::exists(sources / found[1].str())) << found[1];
  }
  EXPECT_EQ(count, 7);
}

}  // namespace
}  // namespace dboot
