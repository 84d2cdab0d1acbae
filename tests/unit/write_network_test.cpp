// What is written into an image.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "injector/failure.hpp"
#include "injector/network/write.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/recorded_networks.hpp"

namespace dboot::network {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class WriteForImage : public testing::Test {
 protected:
  WriteForImage() {
    fs::create_directory(root);
    root_fd = open_directory(root);
  }
  void put(const std::string& program) const { write_text(root / program, "", 0755); }
  std::vector<std::string> write() const { return write_for_image(root_fd.get(), rented()); }
  mode_t mode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat((root / name).c_str(), &status), 0) << name;
    return status.st_mode;
  }

  TemporaryDirectory directory;
  const fs::path root = directory / "root";
  UniqueFd root_fd;
};

TEST_F(WriteForImage, TakesWhatItHas) {
  EXPECT_FALSE(format_of_image(root_fd.get()));
  const std::vector<std::pair<std::string, Format>> later_ones_give_way{
      {"lib/systemd/systemd-networkd", Format::networkd},
      {"usr/lib/systemd/systemd-networkd", Format::networkd},
      {"usr/sbin/ifup", Format::ifupdown},
      {"usr/sbin/NetworkManager", Format::network_manager},
      {"usr/sbin/netplan", Format::netplan}};
  for (const auto& [program, format] : later_ones_give_way) {
    put(program);
    EXPECT_EQ(format_of_image(root_fd.get()), format) << program;
  }
}

TEST_F(WriteForImage, RefusesOneWithNothingThatConfiguresANetwork) {
  EXPECT_THAT([&] { write(); },
              testing::Throws<Failure>(testing::AllOf(
                  testing::Property(&Failure::what, HasSubstr("nothing that configures a "
                                                              "network")),
                  testing::Property(&Failure::mend, HasSubstr("--write-network")))));
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(WriteForImage, EnablesNetworkd) {
  put("lib/systemd/systemd-networkd");
  EXPECT_THAT(write(), ElementsAre("/etc/systemd/network/10-dboot-eth0.network"));
  EXPECT_EQ(mode("etc/systemd/network/10-dboot-eth0.network"), S_IFREG | 0644U);
  const auto wanted = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service";
  EXPECT_EQ(fs::read_symlink(wanted), "/lib/systemd/system/systemd-networkd.service");
  // As it already is in most images.
  EXPECT_THAT(write(), SizeIs(1));
}

TEST_F(WriteForImage, TellsNetworkdToLeaveAloneWhatItsFilesDoNotHave) {
  put("lib/systemd/systemd-networkd");
  rtmsg nowhere{};
  nowhere.rtm_family = AF_INET;
  nowhere.rtm_table = RT_TABLE_MAIN;
  nowhere.rtm_protocol = RTPROT_STATIC;
  nowhere.rtm_type = RTN_UNREACHABLE;
  auto network = rented();
  network.messages.push_back(netlink::Builder(RTM_NEWROUTE, nowhere).message().bytes());
  EXPECT_THAT(write_for_image(root_fd.get(), network),
              testing::Contains("/etc/systemd/networkd.conf.d/90-dboot.conf"));
  EXPECT_THAT(sys::read_file(root / "etc/systemd/networkd.conf.d/90-dboot.conf"),
              HasSubstr("ManageForeignRoutes=no\n"));
}

TEST_F(WriteForImage, TakesNoOtherIfupForThatOfDebian) {
  put("usr/sbin/ifup");
  put("etc/sysconfig/network/ifcfg-eth0");
  EXPECT_FALSE(format_of_image(root_fd.get()));
  put("usr/lib/systemd/systemd-networkd");
  EXPECT_EQ(format_of_image(root_fd.get()), Format::networkd);
}

TEST_F(WriteForImage, KeepsTheInterfacesOfTheImageBesideItsOwn) {
  put("sbin/ifup");
  write_text(root / "etc/network/interfaces", "iface eth0 inet dhcp\n");
  EXPECT_THAT(write(), ElementsAre("/etc/network/interfaces"));
  EXPECT_THAT(read_text(root / "etc/network/interfaces"), HasSubstr("192.0.2.10/32"));
  EXPECT_EQ(read_text(root / "etc/network/interfaces.before-dboot"), "iface eth0 inet dhcp\n");
}

TEST_F(WriteForImage, KeepsSecretFromOthersWhatItsReaderWantsSo) {
  put("usr/sbin/NetworkManager");
  ASSERT_THAT(write(), SizeIs(1));
  EXPECT_EQ(mode("etc/NetworkManager/system-connections/dboot-eth0.nmconnection"), S_IFREG | 0600U);
  put("usr/sbin/netplan");
  ASSERT_THAT(write(), SizeIs(1));
  EXPECT_EQ(mode("etc/netplan/90-dboot.yaml"), S_IFREG | 0600U);
}

TEST_F(WriteForImage, TellsCloudInitToLeaveItAlone) {
  put("usr/sbin/netplan");
  put("usr/bin/cloud-init");
  EXPECT_THAT(write(),
              ElementsAre("/etc/netplan/90-dboot.yaml", "/etc/cloud/cloud.cfg.d/99-dboot.cfg"));
  EXPECT_THAT(
      read_text(root / "etc/cloud/cloud.cfg.d/99-dboot.cfg"),
      AllOf(HasSubstr("network: {config: disabled}\n"), HasSubstr("preserve_hostname: true\n")));
}

TEST_F(WriteForImage, WritesNothingWhereThereIsNoNetwork) {
  put("sbin/ifup");
  write_text(root / "etc/network/interfaces", "iface eth0 inet dhcp\n");
  EXPECT_THAT(write_for_image(root_fd.get(), {}), IsEmpty());
  EXPECT_EQ(read_text(root / "etc/network/interfaces"), "iface eth0 inet dhcp\n");
}

TEST_F(WriteForImage, FollowsNoLinkOutOfIt) {
  put("sbin/ifup");
  const auto outside = directory / "outside";
  write_text(outside / "interfaces", "alive");
  fs::create_directories(root / "etc");
  fs::create_symlink(outside, root / "etc/network");
  write();
  EXPECT_EQ(read_text(outside / "interfaces"), "alive");
  EXPECT_FALSE(fs::exists(outside / "interfaces.before-dboot"));
  EXPECT_THAT(read_text(fs::path(root.string() + outside.string()) / "interfaces"),
              HasSubstr("192.0.2.10/32"));
}

TEST_F(WriteForImage, WritesThroughNoLinkInThePlaceOfAFile) {
  put("usr/sbin/netplan");
  write_text(directory / "canary", "alive");
  fs::create_directories(root / "etc/netplan");
  fs::create_symlink(directory / "canary", root / "etc/netplan/90-dboot.yaml");
  write();
  EXPECT_EQ(read_text(directory / "canary"), "alive");
  EXPECT_FALSE(fs::is_symlink(root / "etc/netplan/90-dboot.yaml"));
}

TEST_F(WriteForImage, RefusesAPlaceThatWillBeHidden) {
  put("sbin/ifup");
  fs::create_directories(root / "run/network");
  fs::create_directories(root / "etc");
  fs::create_symlink("/run/network", root / "etc/network");
  EXPECT_THAT([&] { write(); },
              testing::Throws<Failure>(testing::Property(&Failure::what, HasSubstr("/run"))));
}

}  // namespace
}  // namespace dboot::network
