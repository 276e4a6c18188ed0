namespace Campfire.Realtime.Migrations.Tests;

public sealed class MigrationScriptTests
{
    [Test]
    public void Scripts_are_numbered_from_one_without_a_hole() =>
        Assert.That(
            CampfireMigrations.All.Select(migration => migration.Name[..4]),
            Is.EqualTo(Enumerable.Range(1, CampfireMigrations.All.Count).Select(number => number.ToString("D4", null))));

    [Test]
    public void Scripts_are_named_number_and_noun() =>
        Assert.That(CampfireMigrations.All.Select(migration => migration.Name), Is.All.Match("^[0-9]{4}_[a-z]+$"));

    [Test]
    public void Checksum_does_not_depend_on_the_line_ends_of_the_checkout()
    {
        CampfireMigration unix = CampfireMigrations.Create("0001_x", "select 1;\nselect 2;\n");
        CampfireMigration windows = CampfireMigrations.Create("0001_x", "select 1;\r\nselect 2;\r\n");

        Assert.That(windows, Is.EqualTo(unix));
        Assert.That(unix.Checksum, Is.EqualTo("061e995aebcb765888ac7580f67ee3815a03b9b9c3fd5ff2dbb40db98b53a737"));
    }
}
