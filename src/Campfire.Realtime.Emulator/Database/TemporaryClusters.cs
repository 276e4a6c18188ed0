using System.Globalization;

namespace Campfire.Realtime.Emulator.Database;

// Where temporary clusters live: in a folder that only this user can write, because what lies there is opened, run and
// removed again without asking, for root too.
internal static class TemporaryClusters
{
    private const string FolderName = "campfire-emulator";
    private const string RootsFolder = "/run";

    // Removes what killed emulators left behind, too.
    public static async Task<ClusterFolder> CreateAsync(PostgresInstallation installation, PostgresUser user, CancellationToken cancellationToken)
    {
        var parent = await FindParentAsync(Path.GetTempPath(), cancellationToken).ConfigureAwait(false);
        var folder = ClusterFolder.CreateTemporary(parent);
        try
        {
            await user.EnsureCanEnterAsync(folder.FullPath, cancellationToken).ConfigureAwait(false);
            await RemoveAbandonedAsync(parent, folder, installation, user, cancellationToken).ConfigureAwait(false);
            return folder;
        }
        catch
        {
            await folder.ReleaseAsync().ConfigureAwait(false);
            throw;
        }
    }

    public static async Task<string> FindParentAsync(string temporary, CancellationToken cancellationToken)
    {
        // Windows gives each user a folder for temporary files.
        if (OperatingSystem.IsWindows())
            return temporary;
        if (!Directory.Exists(temporary))
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"The folder for temporary files, {temporary}, does not exist. Let TMPDIR name an existing folder of this user's own (chmod 700).");
        }
        var trust = await FolderTrust.ExamineAsync(temporary, cancellationToken).ConfigureAwait(false);
        if (trust is { IsOwn: true })
            return trust.PhysicalPath;

        List<(string Parent, string Name)> candidates = [];
        if (Environment.IsPrivilegedProcess && OperatingSystem.IsLinux())
            candidates.Add((RootsFolder, FolderName));
        if (trust is not null)
            candidates.Add((trust.PhysicalPath, string.Create(CultureInfo.InvariantCulture, $"{FolderName}-{trust.UserId}")));
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime)
            candidates.Add((runtime, FolderName));
        foreach (var (parent, name) in candidates)
        {
            if (await TryMakeOwnAsync(parent, name, cancellationToken).ConfigureAwait(false) is { } own)
                return own;
        }
        var tried = candidates.Count == 0 ? temporary : string.Join(", ", candidates.Select(candidate => Path.Combine(candidate.Parent, candidate.Name)));
        throw new CampfireEmulatorException(
            CampfireEmulatorErrorCode.DataDirectoryUnusable,
            $"There is no folder for a temporary database that this user can write and no other can: {tried} is missing, closed, or belongs to " +
            "somebody else. Let TMPDIR name an existing folder of this user's own (chmod 700).");
    }

    private static async Task<string?> TryMakeOwnAsync(string parent, string name, CancellationToken cancellationToken)
    {
        if (await FolderTrust.ExamineAsync(parent, cancellationToken).ConfigureAwait(false) is not { IsSafeParent: true } safe)
            return null;
        var path = Path.Combine(safe.PhysicalPath, name);
        try
        {
            if (!Directory.Exists(path))
                ClusterFolder.CreateClosed(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        // Also when it was made just now: somebody else may have been first. Where it leads elsewhere, it is a planted link.
        var trust = await FolderTrust.ExamineAsync(path, cancellationToken).ConfigureAwait(false);
        return trust is { IsOwn: true } && trust.PhysicalPath == path ? path : null;
    }

    private static async Task RemoveAbandonedAsync(
        string parent, ClusterFolder own, PostgresInstallation installation, PostgresUser user, CancellationToken cancellationToken)
    {
        if (!own.IsLockedForOthers())
            return;
        foreach (var abandoned in ClusterFolder.TakeAbandoned(parent))
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                await new PostmasterProcess(abandoned, installation, user).DisposeAsync().ConfigureAwait(false);
                await abandoned.ReleaseAsync().ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
            {
                // Whatever keeps it there now, a later start tries again.
                abandoned.Unlock();
            }
            catch
            {
                abandoned.Unlock();
                throw;
            }
        }
    }
}
