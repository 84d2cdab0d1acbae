#include "shared/plan/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "shared/log/json.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using ::testing::HasSubstr;

/// Every field has another value than its default.
Plan plan_of_everything() {
  Plan plan;
  plan.scope = Scope::in_namespace;
  plan.executable = "/bin/\xff";
  plan.arguments = {"a b", "\n\"\\", "\x1b[31m"};
  plan.environment = {"A=\\x41"};
  plan.working_directory = "/srv";
  plan.start = Start::exec;
  plan.on_exit = OnExit::restart;
  plan.on_failure = OnFailure::reboot;
  plan.on_break = OnBreak::reboot;
  plan.require_release = true;
  plan.keep_network = true;
  plan.network.messages = {std::string("\0\\\xff", 3)};
  plan.network.settings = {"ipv4/conf/a\xff/forwarding=1"};
  plan.network.name_servers = {"192.0.2.53"};
  plan.network.search_domains = {"example.org"};
  plan.network.given_up = {"192.0.2.100"};
  plan.network.client = "2001:db8::7";
  plan.flush_firewall = true;
  plan.attachable = true;
  plan.confirm_within = std::chrono::milliseconds(600'000);
  plan.kept_mounts = {"/srv", "/data/\xff"};
  plan.caller = 4711;
  plan.companions = {{"ssh server", "/run/dboot/ssh", {"/usr/sbin/sshd", "-\xff"}}};
  plan.log_level = log::Level::trace;
  plan.grace = std::chrono::milliseconds(4'294'967'295);
  plan.console = "ttyS0";
  plan.hostname = "server";
  plan.began = std::chrono::nanoseconds(7);
  plan.kernel_panic = -1;
  plan.injector_version = "0.1";
  plan.credentials = {4'294'967'294, 2, {3, 4}};
  plan.stop_signal = 37;
  plan.disk_log = false;
  plan.log_to = {"tty5"};
  const Place after_release{Moment::after, "release"};
  plan.hooks.push_back({after_release, {"/run/dboot/hook"}, true});
  plan.hook_timeout = std::chrono::milliseconds(1);
  plan.breakpoints.push_back({Moment::before, "sy\\nc\xff"});
  plan.break_timeout = std::chrono::milliseconds(2);
  return plan;
}

Plan parsed(const std::string& text) {
  return plan::from_json(boost::json::parse(text));
}

TEST(PlanJson, ComesBackAsItWas) {
  for (const auto& plan : {plan_of_everything(), [] {
                             Plan least;
                             least.executable = "/bin/sh";
                             least.arguments = {"sh"};
                             return least;
                           }()}) {
    const auto text = boost::json::serialize(plan::to_json(plan));
    EXPECT_EQ(parsed(text), plan) << text;
  }
}

/// Whoever adds a field to the plan adds it there too.
TEST(PlanJson, HasEveryFieldOfTheSchema) {
  const auto document = plan::to_json(plan_of_everything());
  EXPECT_EQ(document.size(), 33U);
  const auto page = sys::read_file(DBOOT_SOURCE_DIR "/tools/dboot-plan/dboot-plan.5.md");
  for (const auto& field : document) {
    std::string name(field.key());
    EXPECT_THAT(page, HasSubstr(name.insert(0, 1, '`') + '`'));
  }
}

TEST(PlanJson, NeedsNoMoreThanTheExecutable) {
  const auto plan = parsed(R"({"executable":"/sbin/init"})");
  EXPECT_EQ(plan.executable, "/sbin/init");
  EXPECT_EQ(plan.arguments, std::vector<std::string>{"/sbin/init"});
  EXPECT_EQ(plan.grace, std::chrono::seconds(10));
  EXPECT_EQ(plan::decode(plan::encode(plan)), plan);
}

TEST(PlanJson, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", "this is no object of JSON"},
      {R"({})", "the field executable is missing"},
      {R"({"executable":1})", "the field executable is no text"},
      {R"({"executable":"/x","colour":"red"})", "the field colour is unknown"},
      {R"({"executable":"/x","colour\u001b":"red"})", R"(the field colour\x1b is unknown)"},
      {R"({"executable":"/x","arguments":"x"})", "the field arguments is no array"},
      {R"({"executable":"/x","arguments":["x",null]})", "the field arguments[1] is no text"},
      {R"({"executable":"/x","arguments":["\\q"]})", "arguments[0] has a backslash"},
      {R"({"executable":"/x","arguments":["\u0000"]})", "arguments[0] contains a NUL byte"},
      {R"({"executable":"/x","grace_ms":-1})", "grace_ms is no whole number from 0 to 4294967295"},
      {R"({"executable":"/x","grace_ms":4294967296})", "grace_ms is no whole number"},
      {R"({"executable":"/x","grace_ms":1.5})", "grace_ms is no whole number"},
      {R"({"executable":"/x","stop_signal":65})", "stop_signal is no whole number from 1 to 64"},
      {R"({"executable":"/x","scope":"moon"})",
       "scope is 'moon', which is none of machine, namespace"},
      {R"({"executable":"/x","user":{"uid":0,"name":"x"}})", "the field user.name is unknown"},
      {R"({"executable":"/x","user":0})", "the field user is no object"},
      {R"({"executable":"/x","disk_log":1})", "disk_log is neither true nor false"},
      {R"({"executable":"/x","breakpoints":["sync"]})",
       "breakpoints[0] is 'sync', and not before:PHASE"},
      {R"({"executable":"/x","hooks":[{"at":"after:sync"}]})", "hooks[0] lacks at or arguments"},
      {R"({"executable":"/x","hooks":[{"at":"x","arguments":[]}]})", "hooks[0].at is 'x'"},
      {R"({"executable":"/x","breakpoints":["after:start"]})", "the new system has the machine"},
      {R"({"executable":"/x","user":{"uid":4294967295}})", "user.uid is no whole number"},
      {R"({"executable":"/x","environment":["FOO"]})", "'FOO', which is not NAME=VALUE"},
      {R"({"executable":"/x","console":"/dev/tty3"})", "and not a name below /dev"},
      {R"({"executable":"/x","log_to":["udp:x:y"]})", "the field log_to has 'udp:x:y'"},
      {R"({"executable":"/x","kernel_panic":-2147483648})", "kernel_panic is no whole number"},
  };
  for (const auto& [text, words] : cases) {
    try {
      parsed(text);
      ADD_FAILURE() << text;
    } catch (const plan::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(words)) << text;
    }
  }
}

TEST(JsonText, ComesBackWhateverItIs) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  for (const std::string& text : {bytes, std::string("\\x41"), std::string("\u20ac\u202e")})
    EXPECT_EQ(log::unescaped(std::string_view(json_text(text))), text);
}

}  // namespace
}  // namespace dboot
