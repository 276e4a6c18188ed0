using System.Security.Cryptography;
using System.Text;

namespace Campfire.Realtime.Emulator.Database;

// initdb and Supabase's surroundings take seconds; a copy of their result takes a fraction of one.
internal sealed class ClusterTemplate(PostgresInstallation installation, PostgresUser user)
{
    public const string SettingsFile = "campfire.conf";

    // Raised when a change of this class makes older templates unusable.
    private const string Format = "1";
    private const string PasswordFile = "campfire-admin-password";

    private static string Locale => OperatingSystem.IsLinux() ? "C.UTF-8" : "C";

    public static Task<string> ReadAdminPasswordAsync(ClusterFolder folder, CancellationToken cancellationToken) =>
        File.ReadAllTextAsync(Path.Combine(folder.DataPath, PasswordFile), cancellationToken);

    public async Task CopyToAsync(ClusterFolder folder, CancellationToken cancellationToken)
    {
        var template = TemplatePath();
        if (template is not null && Directory.Exists(template))
        {
            CopyDirectory(template, folder.DataPath);
            return;
        }
        await BuildAsync(folder, cancellationToken).ConfigureAwait(false);
        if (template is not null)
            Keep(folder.DataPath, template);
    }

    private async Task BuildAsync(ClusterFolder folder, CancellationToken cancellationToken)
    {
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var passwordPath = Path.Combine(folder.FullPath, PasswordFile);
        await WritePrivateAsync(passwordPath, password, cancellationToken).ConfigureAwait(false);
        await user.TakeOwnershipAsync(folder.FullPath, cancellationToken).ConfigureAwait(false);
        var result = await user.RunAsync(
            installation.Program("initdb"),
            [
                "-D", folder.DataPath, "-U", Surroundings.AdminRole, "--pwfile", passwordPath, "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--locale", Locale, "--wal-segsize", "4", "--no-sync",
            ],
            cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.PostgresDidNotStart,
                $"initdb ({installation.BinDirectory}) could not create a database cluster: {result.Output}");
        }
        File.Move(passwordPath, Path.Combine(folder.DataPath, PasswordFile));
        await File.AppendAllTextAsync(
            Path.Combine(folder.DataPath, "postgresql.conf"), $"\ninclude = '{SettingsFile}'\n", cancellationToken).ConfigureAwait(false);

        var postmaster = new PostmasterProcess(folder, installation, user);
        await using (postmaster.ConfigureAwait(false))
        {
            var port = await postmaster.StartAsync(cancellationToken).ConfigureAwait(false);
            await Surroundings.InstallAsync(PostmasterProcess.AdminConnection(port, password), cancellationToken).ConfigureAwait(false);
        }
    }

    private string? TemplatePath()
    {
        var caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } configured ? configured
            : Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache")
            : "";
        if (caches.Length == 0)
            return null;
        var identity = $"{Format}\n{installation.FullVersion}\n{Locale}\n{Surroundings.Checksum}";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)))[..16];
        return Path.Combine(caches, "campfire-emulator", $"pg{installation.MajorVersion}-{hash}");
    }

    private static void Keep(string data, string template)
    {
        // Only a whole template ever carries the final name, however many emulators build one at a time.
        var staging = $"{template}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        try
        {
            CopyDirectory(data, staging);
            Directory.Move(staging, template);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Another emulator was first, or the cache cannot be written: the next start takes longer, no more.
            if (Directory.Exists(staging))
                Directory.Delete(staging, recursive: true);
        }
    }

    private static void CopyDirectory(string source, string target)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(target);
        else
            Directory.CreateDirectory(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var file in Directory.EnumerateFiles(source))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        foreach (var directory in Directory.EnumerateDirectories(source))
            CopyDirectory(directory, Path.Combine(target, Path.GetFileName(directory)));
    }

    private static async Task WritePrivateAsync(string path, string text, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        await using (file.ConfigureAwait(false))
            await file.WriteAsync(Encoding.ASCII.GetBytes(text), cancellationToken).ConfigureAwait(false);
    }
}
