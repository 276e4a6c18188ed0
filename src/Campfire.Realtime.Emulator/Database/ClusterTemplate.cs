using System.Security.Cryptography;
using System.Text;

namespace Campfire.Realtime.Emulator.Database;

// initdb and Supabase's surroundings take seconds; a copy of their result takes a fraction of one.
internal sealed class ClusterTemplate(PostgresInstallation installation, PostgresUser user)
{
    // Raised when a change of this class makes older templates unusable.
    private const string Format = "2";
    private const string FolderName = "campfire-emulator";

    private static readonly EnumerationOptions _withoutLinks = new() { AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = false };

    private static string Locale => OperatingSystem.IsLinux() ? "C.UTF-8" : "C";

    public async Task CopyToAsync(ClusterFolder folder, CancellationToken cancellationToken)
    {
        // Of a start that did not get to its end.
        await ClusterFolder.DeleteTreeAsync(folder.UnfinishedDataPath).ConfigureAwait(false);
        if (await CacheAsync(cancellationToken).ConfigureAwait(false) is not { } cache)
        {
            await BuildAsync(folder, keepAs: null, cancellationToken).ConfigureAwait(false);
            return;
        }
        var template = Path.Combine(cache, TemplateName());
        if (!Directory.Exists(template))
        {
            // One emulator keeps what it built; those that start meanwhile build their own rather than wait.
            using var keeping = ClusterFolder.TryLock(template + ".lock");
            if (!Directory.Exists(template))
            {
                await BuildAsync(folder, keeping is null ? null : template, cancellationToken).ConfigureAwait(false);
                return;
            }
        }
        await CopyAsync(template, folder, cancellationToken).ConfigureAwait(false);
    }

    private async Task BuildAsync(ClusterFolder folder, string? keepAs, CancellationToken cancellationToken)
    {
        // Elsewhere, also for a permanent folder: a killed process must not leave a server running in it.
        var workshop = await TemporaryClusters.CreateAsync(installation, user, cancellationToken).ConfigureAwait(false);
        try
        {
            await BuildInAsync(workshop, cancellationToken).ConfigureAwait(false);
            // Nobody may change what is copied from here on.
            await user.TakeBackAsync(workshop.FullPath, cancellationToken).ConfigureAwait(false);
            if (keepAs is not null)
                await KeepAsync(workshop.FullPath, keepAs).ConfigureAwait(false);
            await CopyAsync(workshop.FullPath, folder, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await workshop.ReleaseAsync().ConfigureAwait(false);
        }
    }

    private async Task BuildInAsync(ClusterFolder workshop, CancellationToken cancellationToken)
    {
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        PrivateFile.Write(workshop.PasswordPath, password);
        CreatePrivateDirectory(workshop.DataPath);
        await user.GiveAsync(workshop.PasswordPath, cancellationToken).ConfigureAwait(false);
        await user.GiveAsync(workshop.DataPath, cancellationToken).ConfigureAwait(false);
        var result = await user.RunAsync(
            installation.Program("initdb"),
            [
                "-D", workshop.DataPath, "-U", Surroundings.AdminRole, "--pwfile", workshop.PasswordPath, "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--locale", Locale, "--wal-segsize", "4", "--no-sync",
            ],
            cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.PostgresDidNotStart,
                $"initdb ({installation.BinDirectory}) could not create a database cluster: {result.Output}");
        }

        var postmaster = new PostmasterProcess(workshop, installation, user);
        await using (postmaster.ConfigureAwait(false))
        {
            var port = await postmaster.StartAsync(cancellationToken).ConfigureAwait(false);
            await Surroundings.InstallAsync(PostmasterProcess.AdminConnection(port, password), cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task KeepAsync(string source, string template)
    {
        // Only a whole template ever carries the final name.
        var unfinished = template + ".unfinished";
        try
        {
            await ClusterFolder.DeleteTreeAsync(unfinished).ConfigureAwait(false);
            CreatePrivateDirectory(unfinished);
            CopyDirectory(Path.Combine(source, "data"), Path.Combine(unfinished, "data"));
            File.Copy(Path.Combine(source, "admin-password"), Path.Combine(unfinished, "admin-password"));
            Directory.Move(unfinished, template);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The cache cannot be written, or the disk is full: the next start takes longer, no more.
            return;
        }
    }

    private async Task CopyAsync(string source, ClusterFolder folder, CancellationToken cancellationToken)
    {
        CopyDirectory(Path.Combine(source, "data"), folder.UnfinishedDataPath);
        PrivateFile.Write(
            folder.PasswordPath,
            await File.ReadAllTextAsync(Path.Combine(source, "admin-password"), cancellationToken).ConfigureAwait(false));
        await user.GiveAsync(folder.UnfinishedDataPath, cancellationToken).ConfigureAwait(false);
        if (!folder.IsTemporary)
        {
            await user.EnsureCanEnterAsync(folder.FullPath, cancellationToken).ConfigureAwait(false);
            // What is meant to last must have reached the disk before it counts as whole.
            await user.RunAsync(installation.Program("initdb"), ["--sync-only", "-D", folder.UnfinishedDataPath], cancellationToken)
                .ConfigureAwait(false);
        }
        folder.Complete();
    }

    private string TemplateName()
    {
        var identity = $"{Format}\n{installation.FullVersion}\n{Locale}\n{Surroundings.Checksum}";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)))[..16];
        return $"pg{installation.MajorVersion}-{hash}";
    }

    // Null where nothing can be kept.
    private static async Task<string?> CacheAsync(CancellationToken cancellationToken)
    {
        var caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } configured ? configured
            : Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache")
            : "";
        if (caches.Length == 0)
            return null;
        var path = Path.Combine(caches, FolderName);
        try
        {
            if (!Directory.Exists(path))
                CreatePrivateDirectory(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        // sudo may keep the HOME of a user, who could then choose what root copies.
        return !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess
            && await FolderTrust.ExamineAsync(path, cancellationToken).ConfigureAwait(false) is not { IsOwn: true }
                ? null
                : path;
    }

    private static void CopyDirectory(string source, string target)
    {
        CreatePrivateDirectory(target);
        foreach (var file in Directory.EnumerateFiles(source, "*", _withoutLinks))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        foreach (var directory in Directory.EnumerateDirectories(source, "*", _withoutLinks))
            CopyDirectory(directory, Path.Combine(target, Path.GetFileName(directory)));
    }

    private static void CreatePrivateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
