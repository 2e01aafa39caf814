//! Swap: memory that a machine writes to its disk. Tokens in use would stand there in plain, and stay there (NT-15).

use std::fs::read_to_string;
use std::path::Path;

/// The swap areas of this machine into which the memory of this process may be written as it is; none on systems that have no such
/// list.
pub(crate) fn in_plain() -> Vec<String> {
    if is_kept_out(Path::new("/sys/fs/cgroup"), &read_to_string("/proc/self/cgroup").unwrap_or_default()) {
        return vec![];
    }
    let areas = areas(&read_to_string("/proc/swaps").unwrap_or_default());
    areas.into_iter().filter(|area| !is_encrypted(Path::new("/sys/class/block"), area)).collect()
}

/// What the administrator can do about it.
pub(crate) fn words(areas: &[String]) -> String {
    format!(
        "this machine may write memory to {}, and with it tokens that are in use: encrypt the swap, switch it off, or keep the server out of it \
         (MemorySwapMax=0 with systemd, the same number for --memory and --memory-swap with Docker)",
        areas.join(", ")
    )
}

/// The areas of a list in the form of proc_swaps(5), but for those that are compressed memory themselves.
fn areas(list: &str) -> Vec<String> {
    let named = list.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    // Blanks in a name are written as in fstab(5).
    named.filter(|name| !name.starts_with("/dev/zram")).map(|name| name.replace("\\040", " ")).collect()
}

/// Whether a device encrypts what is written to it (dm-crypt names itself in its uuid). Of a file nobody can tell.
fn is_encrypted(devices: &Path, area: &str) -> bool {
    // `/dev/mapper/name` is a link to `/dev/dm-0`.
    let device = std::fs::canonicalize(area).unwrap_or_else(|_| area.into());
    let Some(name) = device.strip_prefix("/dev").ok().and_then(Path::file_name) else { return false };
    read_to_string(devices.join(name).join("dm/uuid")).is_ok_and(|uuid| uuid.starts_with("CRYPT-"))
}

/// Whether the process's control group, or one around it, is allowed no swap (`memory.swap.max` of cgroup v2).
fn is_kept_out(root: &Path, cgroups: &str) -> bool {
    let Some(own) = cgroups.lines().find_map(|line| line.strip_prefix("0::/")) else { return false };
    let own = root.join(own);
    let around = own.ancestors().take_while(|folder| *folder != root);
    around.map(|folder| folder.join("memory.swap.max")).any(|limit| read_to_string(limit).is_ok_and(|text| text.trim() == "0"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nt_15_swap_in_plain_is_told_and_compressed_memory_is_not() {
        let head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert_eq!(areas(head), Vec::<String>::new());
        let list = format!("{head}/dev/zram0 partition 8388604 0 100\n/swap\\040file file 2097148 0 -2\n/dev/dm-1 partition 1 0 -3\n");
        assert_eq!(areas(&list), ["/swap file", "/dev/dm-1"]);
        let told = words(&areas(&list));
        assert!(told.contains("/swap file, /dev/dm-1") && told.contains("MemorySwapMax=0"), "{told}");
    }

    #[test]
    fn nt_15_an_encrypted_device_is_no_swap_in_plain() {
        let devices = tempfile::tempdir().expect("a folder");
        for (name, uuid) in [("dm-7", "CRYPT-PLAIN-swap\n"), ("dm-8", "LVM-x\n")] {
            let folder = devices.path().join(name).join("dm");
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("uuid"), uuid).expect("written");
        }
        let encrypted = ["/dev/dm-7", "/dev/dm-8", "/dev/sda2", "/swapfile"].map(|area| is_encrypted(devices.path(), area));
        assert_eq!(encrypted, [true, false, false, false]);
    }

    #[test]
    fn nt_15_a_server_that_is_allowed_no_swap_is_kept_out() {
        let root = tempfile::tempdir().expect("a folder");
        let unit = root.path().join("system.slice/staygreen.service");
        fs::create_dir_all(&unit).expect("a folder");
        let of_unit = "0::/system.slice/staygreen.service\n";
        assert!(!is_kept_out(root.path(), of_unit));
        fs::write(unit.join("memory.swap.max"), "max\n").expect("written");
        assert!(!is_kept_out(root.path(), of_unit));
        fs::write(unit.join("memory.swap.max"), "0\n").expect("written");
        assert!(is_kept_out(root.path(), of_unit));
        assert!(is_kept_out(root.path(), "0::/system.slice/staygreen.service/inner\n"), "what is around it holds for it");
        assert!(!is_kept_out(root.path(), "0::/system.slice/other.service\n") && !is_kept_out(root.path(), "4:memory:/a\n"));
    }
}
