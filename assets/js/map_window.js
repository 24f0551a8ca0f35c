// The points of the window that was chosen, at full detail: handed to the map, drawn by it.

export default function ({ data }) {
  const maps = (window.feedscopeMaps ||= {});
  maps[`detail:${data.name}`] = data;
  maps[`map:${data.name}`]?.detail(data);
}
